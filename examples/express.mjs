// A model beside the routes of an Express app: node examples/express.mjs MODEL
import express from "express";
import { loadModel } from "honeybee";
import { handler } from "honeybee/server";

const model = await loadModel(process.argv[2]);
const answer = handler(model);

const app = express();
app.use("/ai", answer); // POST /ai/v1/chat/completions and all the others
app.get("/", (_request, response) => response.send("my own page"));

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/ai`);
});

process.once("SIGTERM", async () => {
  server.close();
  await answer.drain(); // answers under way are finished
  await model.dispose();
});
