/** A JSON log line for a person's eyes: `12:04:31.250 info  ready  amqp=5672 management=15672`. */
export function textLine(jsonLine: string): string {
  const { level, time, msg, ...fields } = JSON.parse(jsonLine) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const details = Object.entries(fields).map(([name, value]) => `${name}=${textOf(value)}`);
  return `${clock} ${String(level).padEnd(5)} ${[String(msg), ...details].join(" ")}\n`;
}

function textOf(value: unknown): string {
  const plain = typeof value === "string" ? value : JSON.stringify(value);
  return /[\s"=]/.test(plain) && typeof value === "string" ? JSON.stringify(value) : plain;
}
