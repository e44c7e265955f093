import {
  absence,
  arithmetic,
  comparison,
  type ComparisonSign,
  conjunction,
  disjunction,
  type Expression,
  inRange,
  likeness,
  literal,
  membership,
  negation,
  property,
  type SelectorValue,
} from "./expression.ts";
import { SelectorError } from "./selector-error.ts";
import { type Token, tokensOf } from "./token.ts";

/** Parentheses, NOTs and signs inside one another. */
export const depthMax = 64;
/** Each may have to look at every character of a header. */
export const likesMax = 32;
const comparisonSigns = new Set(["=", "<>", "<", "<=", ">", ">="]);
const reserved = new Set(["AND", "OR", "NOT", "BETWEEN", "IN", "LIKE", "ESCAPE", "IS", "NULL", "TRUE", "FALSE"]);

/**
 * Reads a selector (Jakarta Messaging 3.1, "Message selector syntax": conditions of SQL-92 over headers). From weak to
 * strong: OR, AND, NOT, comparisons, sums, products, signs.
 */
class Parser {
  readonly #tokens: readonly Token[];
  #position = 0;
  #depth = 0;
  #likes = 0;

  constructor(selector: string) {
    this.#tokens = tokensOf(selector);
  }

  whole(): Expression {
    const expression = this.#disjunction();
    if (this.#next.kind !== "end") throw this.#unexpected();
    return expression;
  }

  get #next(): Token {
    return this.#tokens[this.#position] as Token;
  }

  #takeWord(word: string): boolean {
    const next = this.#next;
    if (next.kind !== "word" || next.text.toUpperCase() !== word) return false;
    this.#position++;
    return true;
  }

  #takeSign(sign: string): boolean {
    const next = this.#next;
    if (next.kind !== "sign" || next.text !== sign) return false;
    this.#position++;
    return true;
  }

  #requireWord(word: string): void {
    if (!this.#takeWord(word)) throw this.#unexpected(word);
  }

  #requireSign(sign: string): void {
    if (!this.#takeSign(sign)) throw this.#unexpected(`'${sign}'`);
  }

  #requireText(what: string): string {
    const next = this.#next;
    if (next.kind !== "string") throw this.#unexpected(what);
    this.#position++;
    return next.text;
  }

  #unexpected(wanted?: string): SelectorError {
    const next = this.#next;
    const found =
      next.kind === "end" ? "the end" : next.kind === "number" ? String(next.value) : JSON.stringify(next.text);
    return new SelectorError(wanted === undefined ? `unexpected ${found}` : `expected ${wanted}, found ${found}`);
  }

  #nested(parse: () => Expression): Expression {
    if (++this.#depth > depthMax) throw new SelectorError(`nested deeper than ${depthMax}`);
    const expression = parse();
    this.#depth--;
    return expression;
  }

  #disjunction(): Expression {
    let left = this.#conjunction();
    while (this.#takeWord("OR")) left = disjunction(left, this.#conjunction());
    return left;
  }

  #conjunction(): Expression {
    let left = this.#negation();
    while (this.#takeWord("AND")) left = conjunction(left, this.#negation());
    return left;
  }

  #negation(): Expression {
    return this.#takeWord("NOT") ? this.#nested(() => negation(this.#negation())) : this.#comparison();
  }

  #comparison(): Expression {
    const left = this.#sum();
    const next = this.#next;
    if (next.kind === "sign" && comparisonSigns.has(next.text)) {
      this.#position++;
      return comparison(next.text as ComparisonSign, left, this.#sum());
    }
    if (this.#takeWord("IS")) {
      const negated = this.#takeWord("NOT");
      this.#requireWord("NULL");
      return negated ? negation(absence(left)) : absence(left);
    }
    const negated = this.#takeWord("NOT");
    const test = this.#test(left);
    if (test === null && negated) throw this.#unexpected("BETWEEN, IN or LIKE");
    return test === null ? left : negated ? negation(test) : test;
  }

  #test(left: Expression): Expression | null {
    if (this.#takeWord("BETWEEN")) {
      const low = this.#sum();
      this.#requireWord("AND");
      return inRange(left, low, this.#sum());
    }
    if (this.#takeWord("IN")) return membership(left, this.#list());
    if (!this.#takeWord("LIKE")) return null;
    if (++this.#likes > likesMax) throw new SelectorError(`more than ${likesMax} LIKEs`);
    const pattern = this.#requireText("a pattern in quotes");
    const escape = this.#takeWord("ESCAPE") ? this.#requireText("an escape character in quotes") : null;
    if (escape !== null && Array.from(escape).length !== 1) throw new SelectorError("ESCAPE takes one character");
    return likeness(left, pattern, escape);
  }

  #list(): SelectorValue[] {
    this.#requireSign("(");
    const values: SelectorValue[] = [];
    do {
      const negative = this.#takeSign("-");
      const next = this.#next;
      if (next.kind === "number") values.push(negative ? -next.value : next.value);
      else if (next.kind === "string" && !negative) values.push(next.text);
      else throw this.#unexpected("a text or a number");
      this.#position++;
    } while (this.#takeSign(","));
    this.#requireSign(")");
    return values;
  }

  #sum(): Expression {
    let left = this.#product();
    for (;;) {
      if (this.#takeSign("+")) left = arithmetic("+", left, this.#product());
      else if (this.#takeSign("-")) left = arithmetic("-", left, this.#product());
      else return left;
    }
  }

  #product(): Expression {
    let left = this.#signed();
    for (;;) {
      if (this.#takeSign("*")) left = arithmetic("*", left, this.#signed());
      else if (this.#takeSign("/")) left = arithmetic("/", left, this.#signed());
      else return left;
    }
  }

  #signed(): Expression {
    if (this.#takeSign("+")) return this.#nested(() => arithmetic("+", literal(0), this.#signed()));
    if (this.#takeSign("-")) return this.#nested(() => arithmetic("-", literal(0), this.#signed()));
    return this.#operand();
  }

  #operand(): Expression {
    if (this.#takeSign("(")) {
      const inner = this.#nested(() => this.#disjunction());
      this.#requireSign(")");
      return inner;
    }
    const next = this.#next;
    this.#position++;
    if (next.kind === "number") return literal(next.value);
    if (next.kind === "string") return literal(next.text);
    if (next.kind === "quoted") return property(next.text);
    if (next.kind === "word") {
      const word = next.text.toUpperCase();
      if (word === "TRUE" || word === "FALSE") return literal(word === "TRUE");
      if (!reserved.has(word)) return property(next.text);
    }
    this.#position--;
    throw this.#unexpected("a header, a text or a number");
  }
}

/** Compiles a selector. Throws SelectorError, in words for the client. */
export function parseSelector(selector: string): Expression {
  return new Parser(selector).whole();
}
