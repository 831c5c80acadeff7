// A model beside the routes of a Fastify app: node examples/fastify.mjs MODEL
import fastify from "fastify";
import { loadModel } from "honeybee";
import { handler } from "honeybee/server";

const PREFIX = "/ai";
const model = await loadModel(process.argv[2]);
const answer = handler(model);

const app = fastify();
app.get("/", () => "my own page");
app.register(
  async (scope) => {
    // Bodies are left to the handler, which has limits of its own.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
    scope.all("/*", (request, reply) => {
      reply.hijack();
      request.raw.url = request.raw.url.slice(PREFIX.length);
      answer(request.raw, reply.raw);
    });
  },
  { prefix: PREFIX },
);

const url = await app.listen({ port: Number(process.env.PORT ?? 3000), host: "127.0.0.1" });
console.log(`${url}${PREFIX}`);

process.once("SIGTERM", async () => {
  const closed = app.close();
  await answer.drain(); // answers under way are finished
  await closed;
  await model.dispose();
});
