import { likePattern } from "./like-pattern.ts";

/** What an expression comes to; null is SQL's unknown. */
export type SelectorValue = string | number | boolean | null;

/** What an expression is about. */
export interface PropertySource {
  /** False where every header is text, as in STOMP: text is then read as what it is compared with. */
  readonly typed: boolean;
  /** What LIKEs may still look at: `LikePattern.workFor`. */
  workLeft: number;
  /** A header or property by name; null where the message has none. */
  value(name: string): SelectorValue;
}

/** A compiled expression. */
export type Expression = (source: PropertySource) => SelectorValue;

/** `=`, `<>`, `<`, `<=`, `>`, `>=`. */
export type ComparisonSign = "=" | "<>" | "<" | "<=" | ">" | ">=";

const numeric = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
/** No longer text is a number: a header may have as many digits as a frame. */
const numberLengthMax = 400;

function isNumeric(text: string): boolean {
  return text.length <= numberLengthMax && numeric.test(text);
}

/** Text as an operand of numbers or booleans; null where it is none. */
function alike(value: string, other: number | boolean): SelectorValue {
  if (typeof other === "number") return isNumeric(value) ? Number(value) : null;
  return value === "true" || value === "TRUE" ? true : value === "false" || value === "FALSE" ? false : null;
}

function compare(sign: ComparisonSign, left: SelectorValue, right: SelectorValue, typed: boolean): SelectorValue {
  if (left === null || right === null) return null;
  let first: SelectorValue = left;
  let second: SelectorValue = right;
  if (!typed && typeof first === "string" && typeof second !== "string") first = alike(first, second);
  else if (!typed && typeof second === "string" && typeof first !== "string") second = alike(second, first);
  // JMS 2.0, 3.8.1.2: values of unlike types do not compare; the result is false.
  if (first === null || second === null || typeof first !== typeof second) return false;
  switch (sign) {
    case "=":
      return first === second;
    case "<>":
      return first !== second;
    default:
      return typeof first === "boolean" ? false : ordered(sign, first, second);
  }
}

function ordered(sign: ComparisonSign, first: SelectorValue, second: SelectorValue): boolean {
  if (first === null || second === null) return false;
  if (sign === "<") return first < second;
  if (sign === "<=") return first <= second;
  return sign === ">" ? first > second : first >= second;
}

/** The value as a condition: text from a header may be one. */
function condition(value: SelectorValue, typed: boolean): boolean | null {
  if (typeof value === "boolean" || value === null) return value;
  return typeof value === "string" && !typed ? (alike(value, true) as boolean | null) : null;
}

export function literal(value: SelectorValue): Expression {
  return () => value;
}

export function property(name: string): Expression {
  return (source) => source.value(name);
}

export function comparison(sign: ComparisonSign, left: Expression, right: Expression): Expression {
  return (source) => compare(sign, left(source), right(source), source.typed);
}

/** AND of three-valued logic: false beats unknown. */
export function conjunction(left: Expression, right: Expression): Expression {
  return (source) => {
    const first = condition(left(source), source.typed);
    if (first === false) return false;
    const second = condition(right(source), source.typed);
    if (second === false) return false;
    return first === null || second === null ? null : true;
  };
}

/** OR of three-valued logic: true beats unknown. */
export function disjunction(left: Expression, right: Expression): Expression {
  return (source) => {
    const first = condition(left(source), source.typed);
    if (first === true) return true;
    const second = condition(right(source), source.typed);
    if (second === true) return true;
    return first === null || second === null ? null : false;
  };
}

export function negation(operand: Expression): Expression {
  return (source) => {
    const value = condition(operand(source), source.typed);
    return value === null ? null : !value;
  };
}

function numberOf(value: SelectorValue, typed: boolean): number | null {
  if (typeof value === "number") return value;
  return !typed && typeof value === "string" && isNumeric(value) ? Number(value) : null;
}

/** `+`, `-`, `*`, `/` on numbers; unknown for everything else. */
export function arithmetic(sign: "+" | "-" | "*" | "/", left: Expression, right: Expression): Expression {
  return (source) => {
    const first = numberOf(left(source), source.typed);
    const second = numberOf(right(source), source.typed);
    if (first === null || second === null) return null;
    if (sign === "+") return first + second;
    if (sign === "-") return first - second;
    if (sign === "*") return first * second;
    return second === 0 ? null : first / second;
  };
}

export function membership(operand: Expression, values: readonly SelectorValue[]): Expression {
  return (source) => {
    const value = operand(source);
    if (value === null) return null;
    return values.some((one) => compare("=", value, one, source.typed) === true);
  };
}

/**
 * BETWEEN: as `operand >= low AND operand <= high`, with the operand looked at once. It may be another BETWEEN, so that each
 * one inside would double the work of the whole.
 */
export function inRange(operand: Expression, low: Expression, high: Expression): Expression {
  return (source) => {
    const value = operand(source);
    const above = compare(">=", value, low(source), source.typed);
    if (above === false) return false;
    const below = compare("<=", value, high(source), source.typed);
    if (below === false) return false;
    return above === null || below === null ? null : true;
  };
}

/** The operand's text as LIKE; unknown where the work of this match is done: each message costs so much and no more. */
export function likeness(operand: Expression, pattern: string, escape: string | null): Expression {
  const like = likePattern(pattern, escape);
  return (source) => {
    const value = operand(source);
    if (value === null) return null;
    const text = String(value);
    source.workLeft -= like.workFor(text);
    return source.workLeft < 0 ? null : like.matches(text);
  };
}

export function absence(operand: Expression): Expression {
  return (source) => operand(source) === null;
}

/** True where the expression is true: neither false nor unknown. */
export function holds(expression: Expression, source: PropertySource): boolean {
  return condition(expression(source), source.typed) === true;
}
