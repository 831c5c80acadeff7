import type { ErrorForm } from "./errors.js";
import type { Exchange } from "./exchange.js";
import type { Service } from "./service.js";

export interface Route {
  method: "GET" | "POST";
  /** May end with one parameter: `/v1/models/{model}`. */
  path: string;
  /** Answers without a key. */
  open?: boolean;
  /** Default: OpenAI's. */
  errors?: ErrorForm;
  handle(exchange: Exchange, service: Service, parameter: string | undefined): Promise<void> | void;
}

/** What a path leads to; without `route` it has other methods than the one asked for. */
export interface FoundRoute {
  route: Route | undefined;
  methods: string[];
  parameter: string | undefined;
}

/** HEAD is answered as GET; node:http leaves the body out. */
export function findRoute(routes: readonly Route[], method: string, path: string): FoundRoute | undefined {
  const wanted = method === "HEAD" ? "GET" : method;
  let parameter: string | undefined;
  const there = routes.filter((route) => {
    const brace = route.path.indexOf("{");
    if (brace < 0) return route.path === path;
    if (!path.startsWith(route.path.slice(0, brace)) || path.length === brace) return false;
    parameter = path.slice(brace);
    return true;
  });
  if (there.length === 0) return undefined;
  return {
    route: there.find((route) => route.method === wanted),
    methods: there.map((route) => route.method),
    parameter,
  };
}
