import type { FieldTable } from "@jackalope/core/adapter";

/** The argument types of AMQP 0-9-1 methods (4.2.1 "formal protocol grammar") and what they are in TypeScript. */
export interface ArgumentTypes {
  /** Neighbouring bits share a byte, first bit lowest. */
  bit: boolean;
  octet: number;
  short: number;
  long: number;
  /** Delivery tags: below 2^53, larger ones are refused. */
  longlong: number;
  /** Up to 255 bytes of UTF-8. */
  shortstr: string;
  longstr: Buffer;
  table: FieldTable;
}

export type ArgumentType = keyof ArgumentTypes;

/** One method: its numbers, its name in log lines and errors, its arguments in wire order. */
export interface MethodDefinition {
  readonly classId: number;
  readonly methodId: number;
  readonly name: string;
  readonly fields: Readonly<Record<string, ArgumentType>>;
}

/** The arguments of a method as an object. */
export type MethodArguments<M extends MethodDefinition> = {
  [K in keyof M["fields"]]: ArgumentTypes[M["fields"][K]];
};

/** Class and method in one number, as the four bytes stand on the wire. */
export function methodKey(definition: MethodDefinition): number {
  return definition.classId * 0x1_0000 + definition.methodId;
}
