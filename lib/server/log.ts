/** What is told of a request, or of the server itself. */
export type LogRecord = { time: string; level: "info" | "error"; event: string } & Record<string, unknown>;

/** Lines of JSON or for people on standard error, a function that takes records, or nothing. */
export type LogOption = "json" | "pretty" | false | ((record: LogRecord) => void);

export type Log = (level: LogRecord["level"], event: string, facts: Record<string, unknown>) => void;

export function openLog(option: LogOption): Log {
  if (option === false) return () => {};
  const write =
    typeof option === "function"
      ? option
      : (record: LogRecord) => {
          process.stderr.write(`${option === "json" ? JSON.stringify(record) : pretty(record)}\n`);
        };
  return (level, event, facts) => write({ time: new Date().toISOString(), level, event, ...facts });
}

function pretty({ time, level, event, ...facts }: LogRecord): string {
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  const words = known.map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return [time.slice(11, 23), ...(level === "error" ? ["ERROR"] : []), event, ...words].join(" ");
}
