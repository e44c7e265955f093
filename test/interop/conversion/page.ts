import { conversionTable, type Section } from "../conversion-table.ts";
import {
  type Fields,
  noProperties,
  type Protocol,
  protocols,
  protocolTitles,
  type Row,
  stated,
  type Value,
} from "./rows.ts";
import { topicRows } from "./topic-rows.ts";

const introduction = `# Conversion

What becomes of a message that is sent by one protocol and received by another. This page is made from the table that the
tests send through the broker cell by cell, with other people's clients on both sides: \`npm run docs\` writes it anew.

A message keeps the form in which it was sent. It is converted when somebody receives it who speaks another protocol, so
between two clients of the same protocol nothing changes, but for what the table says. MQTT 3.1 is as 3.1.1.

A line of a table says what a client of each protocol sends, and what it gets of what any of the others sent. Where the
two differ there are two lines. A dash stands for what cannot be said or does not arrive: in MQTT 3.1.1 because it has no
properties, elsewhere for the reason below the table. Everything that a message does not say is left out there too,
except for the first line of all.
`;

const topicIntroduction = `## Addresses

A topic of MQTT is a routing key on \`amq.topic\` (setting \`mqtt-exchange\`), and a destination below \`/topic/\` in STOMP.
Between MQTT clients every topic arrives as it was sent, and matches only what MQTT says it matches. AMQP and STOMP find
it in the header \`x-mqtt-topic\` where the key does not tell it.

| | MQTT topic | routing key | STOMP destination | \`x-mqtt-topic\` | topic of what AMQP and STOMP send there |
| --- | --- | --- | --- | --- | --- |
`;

function code(text: string): string {
  const content = text.replaceAll("|", "\\|");
  return text.includes("`") ? `\`\` ${content} \`\`` : `\`${content}\``;
}

function valueText(value: Value): string {
  if (typeof value !== "object" || value === null) return value === "" ? '""' : String(value);
  if ("hex" in value) return `0x${String(value.hex)}`;
  if ("atMost" in value) return `${String(value.atMost)} or less`;
  if ("of" in value) return `(${String(value.of)})`;
  if ("type" in value) {
    const { type, value: content } = value as { type: string; value: unknown };
    return `${type} ${typeof content === "number" ? content : JSON.stringify(content)}`;
  }
  return JSON.stringify(value);
}

/** How fields of a protocol are written: as its people write them. */
function fieldsText(protocol: Protocol, fields: Fields): string {
  const separator = protocol === "stomp" ? ":" : ": ";
  const lines = Object.entries(fields).map(([name, value]) => code(`${name}${separator}${valueText(value)}`));
  return lines.length === 0 ? "–" : lines.join("<br>");
}

function line(title: string, cells: Cells): string {
  const texts = protocols.map((protocol) => {
    const cell = cells[protocol];
    return typeof cell === "string" ? "–" : fieldsText(protocol, cell);
  });
  return `| ${[title, ...texts].join(" | ")} |`;
}

type Cells = Row["sent"];

function isUniform({ sent, arrives }: Row): boolean {
  return protocols.every((protocol) => {
    const [said, seen] = [sent[protocol], arrives[protocol]];
    if (typeof said === "string" || typeof seen === "string") return said === seen;
    return fieldsText(protocol, said) === fieldsText(protocol, seen);
  });
}

function rowLines(row: Row): readonly string[] {
  if (isUniform(row)) return [line(row.title, row.sent)];
  return [line(`${row.title}: sent`, row.sent), line("received", row.arrives)];
}

/** The reasons of a line's dashes. What goes without saying is left out. */
function reasons(verb: string, cells: Cells): readonly string[] {
  const byReason = new Map<string, string[]>();
  for (const protocol of protocols) {
    const cell = cells[protocol];
    if (typeof cell !== "string" || cell === noProperties || cell === stated) continue;
    byReason.set(cell, [...(byReason.get(cell) ?? []), protocolTitles[protocol]]);
  }
  return [...byReason].map(([reason, names]) => `Not ${verb} ${names.join(", ")}: ${reason}.`);
}

function exceptionTexts({ exceptions = [] }: Row): readonly string[] {
  return exceptions.map(({ from, to, arrives, remark }) => {
    const names = from.map((protocol) => protocolTitles[protocol]).join(", ");
    const because = remark === undefined ? "" : ` (${remark})`;
    return `From ${names} to ${protocolTitles[to]}: ${fieldsText(to, arrives).replaceAll("<br>", ", ")}${because}.`;
  });
}

function note(row: Row): string {
  const why = isUniform(row)
    ? reasons("for", row.sent)
    : [...reasons("sent by", row.sent), ...reasons("received by", row.arrives)];
  return [...(row.remark === undefined ? [] : [row.remark]), ...exceptionTexts(row), ...why].join(" ");
}

/** The notes of a table; rows with the same one share it. */
function notes(rows: readonly Row[]): readonly string[] {
  const byNote = new Map<string, string[]>();
  for (const row of rows) byNote.set(note(row), [...(byNote.get(note(row)) ?? []), row.title]);
  byNote.delete("");
  return [...byNote].map(([text, titles]) => `- **${titles.join("; ")}.** ${text}`);
}

function sectionText({ title, rows }: Section): string {
  const head = [
    `## ${title}`,
    "",
    `| | ${protocols.map((protocol) => protocolTitles[protocol]).join(" | ")} |`,
    `| --- | ${protocols.map(() => "---").join(" | ")} |`,
  ];
  return [...head, ...rows.flatMap(rowLines), "", ...notes(rows), ""].join("\n");
}

function topicLine({ title, topic, key, destination, topicOfKey, hasHeader }: (typeof topicRows)[number]): string {
  const header = hasHeader ? code(topic) : "–";
  const back = code(topicOfKey ?? topic);
  return `| ${[title, code(topic), code(key), code(`/topic/${destination}`), header, back].join(" | ")} |`;
}

/** The page docs/conversion.md. */
export function conversionPage(): string {
  const sections = conversionTable.map(sectionText).join("\n");
  return `${introduction}\n${sections}\n${topicIntroduction}${topicRows.map(topicLine).join("\n")}\n`;
}
