import type { BindingSpec, FieldTable } from "@jackalope/core/adapter";
import { declaredName } from "./mapping.ts";
import { type MethodHandler, on } from "./method-handler.ts";
import {
  exchangeBind,
  exchangeBindOk,
  exchangeDeclare,
  exchangeDeclareOk,
  exchangeDelete,
  exchangeDeleteOk,
  exchangeUnbind,
  exchangeUnbindOk,
} from "./methods/exchange.ts";

interface ExchangeBindingArguments {
  readonly destination: string;
  readonly source: string;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

function exchangeBinding(values: ExchangeBindingArguments): BindingSpec {
  return {
    source: declaredName(values.source),
    destination: declaredName(values.destination),
    destinationKind: "exchange",
    routingKey: values.routingKey,
    arguments: values.arguments,
  };
}

/** Class 40 on an open channel. */
export const exchangeHandlers: readonly (readonly [number, MethodHandler])[] = [
  on(exchangeDeclare, async (channel, values) => {
    const { client } = channel.session;
    const name = declaredName(values.exchange);
    if (values.passive) client.checkExchange(name);
    else await client.declareExchange(name, values);
    if (!values.nowait) channel.reply(exchangeDeclareOk, {});
  }),
  on(exchangeDelete, async (channel, values) => {
    await channel.session.client.deleteExchange(declaredName(values.exchange), values.ifUnused);
    if (!values.nowait) channel.reply(exchangeDeleteOk, {});
  }),
  on(exchangeBind, async (channel, values) => {
    await channel.session.client.bind(exchangeBinding(values));
    if (!values.nowait) channel.reply(exchangeBindOk, {});
  }),
  on(exchangeUnbind, async (channel, values) => {
    await channel.session.client.unbind(exchangeBinding(values));
    if (!values.nowait) channel.reply(exchangeUnbindOk, {});
  }),
];
