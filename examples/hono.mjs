// A model beside the routes of a Hono app on Node: node examples/hono.mjs MODEL
import { serve } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { loadModel } from "honeybee";
import { handler } from "honeybee/server";
import { Hono } from "hono";

const PREFIX = "/ai";
const model = await loadModel(process.argv[2]);
const answer = handler(model);

const app = new Hono();
app.get("/", (context) => context.text("my own page"));
app.all(`${PREFIX}/*`, ({ env: { incoming, outgoing } }) => {
  incoming.url = incoming.url.slice(PREFIX.length);
  answer(incoming, outgoing);
  return RESPONSE_ALREADY_SENT;
});

const options = { fetch: app.fetch, port: Number(process.env.PORT ?? 3000), hostname: "127.0.0.1" };
const server = serve(options, ({ port }) => console.log(`http://127.0.0.1:${port}${PREFIX}`));

process.once("SIGTERM", async () => {
  server.close();
  await answer.drain(); // answers under way are finished
  await model.dispose();
});
