// Files that the server shows: the place of the chat page.
import { join } from "node:path";
import t from "tap";
import type { Exchange } from "../lib/server/exchange.js";
import { pageRoutes } from "../lib/server/page.js";
import type { Service } from "../lib/server/service.js";

t.test("each file of the folder is a route", async (t) => {
  const folder = t.testdir({
    "index.html": "<p>Hi",
    "chat.js": "1;",
    "notes.txt": "no page",
    src: { "a.js": "2" },
  });
  const routes = pageRoutes(folder);
  t.same(routes.map(({ path }) => path).toSorted(), ["/", "/chat.js"]);
  const headers = new Map<string, unknown>();
  const sent: unknown[] = [];
  const exchange = {
    response: { setHeader: (name: string, value: unknown) => headers.set(name, value) },
    sendText: (...parts: unknown[]) => sent.push(parts),
  } as unknown as Exchange;
  routes.find(({ path }) => path === "/")!.handle(exchange, {} as Service, undefined);
  t.same(sent, [[200, "<p>Hi", "text/html; charset=utf-8"]]);
  t.match(headers.get("content-security-policy"), /default-src 'self'/);
  t.same(pageRoutes(join(folder, "none")), []);
});
