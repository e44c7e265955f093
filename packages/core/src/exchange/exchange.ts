import type { Payer } from "../account/payer.ts";
import { exchangeBytes } from "../account/topology-bytes.ts";
import { resourceName } from "../errors.ts";
import type { FieldTable } from "../field-value.ts";
import { exchangeArgument } from "../queue/queue-arguments.ts";
import type { Binding } from "./binding.ts";
import { FanoutMatcher } from "./fanout-matcher.ts";
import { HeadersMatcher } from "./headers-matcher.ts";
import { KeyMatcher } from "./key-matcher.ts";
import type { Matcher } from "./matcher.ts";
import { TopicMatcher } from "./topic-matcher.ts";

/** What a client may ask for when it declares an exchange. */
export interface ExchangeSpec {
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: FieldTable;
}

/** The exchange types that can be declared. */
export type ExchangeType = "direct" | "fanout" | "topic" | "headers";

const matchers: Record<ExchangeType, () => Matcher> = {
  direct: () => new KeyMatcher(),
  fanout: () => new FanoutMatcher(),
  topic: () => new TopicMatcher(),
  headers: () => new HeadersMatcher(),
};

/** True for the name of a type that can be declared. */
export function isExchangeType(type: string): type is ExchangeType {
  return Object.hasOwn(matchers, type);
}

/** An exchange: bindings and the matcher of its type. It routes nothing by itself, see router.ts. */
export class Exchange {
  readonly kind = "exchange" as const;
  /** Exchanges have no owner; the word makes bindings of both kinds of destination alike. */
  readonly exclusive = false;
  readonly name: string;
  readonly virtualHost: string;
  readonly type: ExchangeType;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: FieldTable;
  /** Argument `alternate-exchange`: takes what this one cannot route. */
  readonly alternate: string | null;
  readonly matcher: Matcher;
  /** Bindings from here, by `Binding.id`. */
  readonly bindings: Map<string, Binding> = new Map();
  /** Bindings that lead here from other exchanges. */
  readonly incoming: Set<Binding> = new Set();
  deleted = false;
  /** Who made it; null for those that every virtual host has. */
  readonly payer: Payer | null;
  /** What it weighs in the payer's accounts. */
  readonly accountedBytes: number;

  constructor(
    virtualHost: string,
    name: string,
    type: ExchangeType,
    spec: Omit<ExchangeSpec, "type">,
    payer: Payer | null,
  ) {
    this.virtualHost = virtualHost;
    this.name = name;
    this.type = type;
    this.durable = spec.durable;
    this.autoDelete = spec.autoDelete;
    this.internal = spec.internal;
    this.arguments = spec.arguments;
    this.alternate = exchangeArgument(spec.arguments, "alternate-exchange", this.title);
    this.matcher = matchers[type]();
    this.payer = payer;
    this.accountedBytes = exchangeBytes(name, spec.arguments);
  }

  /** `exchange 'x' in vhost '/'`. */
  get title(): string {
    return resourceName("exchange", this.name, this.virtualHost);
  }
}
