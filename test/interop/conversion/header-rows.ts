import { noProperties, type Row, type Value } from "./rows.ts";

const onlyText = "values are text";

/** A header of AMQP in a type of its own. */
function typed(title: string, value: Value, text: string, arrivesAs: Value = value): Row {
  return {
    title: `Header of type ${title}`,
    sent: { amqp: { "header field": value }, stomp: onlyText, mqtt5: onlyText, mqtt311: noProperties },
    arrives: {
      amqp: { "header field": arrivesAs },
      stomp: { field: text },
      mqtt5: { "User Property field": text },
      mqtt311: noProperties,
    },
  };
}

/** Headers and user properties. */
export const headerRows: readonly Row[] = [
  {
    title: "A header, a user property",
    sent: {
      amqp: { "header colour": "grün: a\\b" },
      stomp: { colour: "grün: a\\b" },
      mqtt5: { "User Property colour": "grün: a\\b" },
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "header colour": "grün: a\\b" },
      stomp: { colour: "grün: a\\b" },
      mqtt5: { "User Property colour": "grün: a\\b" },
      mqtt311: noProperties,
    },
    remark: "In order. Text of STOMP and MQTT is a long string in AMQP.",
  },
  {
    title: "A user property that comes twice",
    sent: {
      amqp: "client libraries have one value a name",
      stomp: "the first one counts",
      mqtt5: { "User Property colour": ["red", "green"] },
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "header colour": "green" },
      stomp: { colour: "red" },
      mqtt5: { "User Property colour": ["red", "green"] },
      mqtt311: noProperties,
    },
    remark:
      "AMQP gets both, in order; client libraries show the last one. STOMP says that the first counts, so it gets that.",
  },
  {
    title: "An empty value",
    sent: {
      amqp: { "header empty": "" },
      stomp: { empty: "" },
      mqtt5: { "User Property empty": "" },
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "header empty": "" },
      stomp: { empty: "" },
      mqtt5: { "User Property empty": "" },
      mqtt311: noProperties,
    },
  },
  {
    title: "Headers with the names of a STOMP frame's own",
    sent: {
      amqp: { "header subscription": "forged", "header message-id": "forged", "header x": "1" },
      stomp: "they are the frame's",
      mqtt5: { "User Property subscription": "forged", "User Property message-id": "forged", "User Property x": "1" },
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "header subscription": "forged", "header message-id": "forged", "header x": "1" },
      stomp: { x: "1" },
      mqtt5: { "User Property subscription": "forged", "User Property message-id": "forged", "User Property x": "1" },
      mqtt311: noProperties,
    },
    remark:
      "Not to STOMP: `destination`, `message-id`, `subscription`, `redelivered`, `ack`, `content-length`, `receipt`, `transaction`.",
  },
  {
    title: "Headers of STOMP that are about the frame",
    sent: {
      amqp: "STOMP alone has them",
      stomp: { receipt: "r-1", "content-length": "4", x: "1" },
      mqtt5: "STOMP alone has them",
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "header x": "1" },
      stomp: { x: "1" },
      mqtt5: { "User Property x": "1" },
      mqtt311: noProperties,
    },
    remark: "`receipt`, `transaction` and `content-length` do not leak into the message.",
  },
  typed("int, of 32 bits", -7, "-7"),
  typed("long, of 64 bits", 2 ** 40, "1099511627776"),
  typed("boolean", true, "true"),
  typed("double", 1.5, "1.5"),
  typed("float", { type: "float", value: 0.25 }, "0.25", 0.25),
  typed("byte", { type: "byte", value: -3 }, "-3", -3),
  typed("short", { type: "short", value: 300 }, "300", 300),
  typed("timestamp", { type: "timestamp", value: 1_700_000_000 }, "1700000000"),
  typed("decimal", { type: "decimal", value: { digits: 12_345, places: 2 } }, "123.45"),
  typed("void", null, ""),
  typed("bytes", { hex: "00ff" }, "AP8="),
  typed("array", [1, "two", [true, null]], '[1,"two",[true,null]]'),
  typed("table", { a: { b: "c" }, n: 1 }, '{"a":{"b":"c"},"n":1}'),
];
