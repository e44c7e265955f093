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
    await channel.session.client.deleteExchange(values.exchange, values.ifUnused);
    if (!values.nowait) channel.reply(exchangeDeleteOk, {});
  }),
  on(exchangeBind, async (channel, values) => {
    await channel.session.client.bind({ ...values, destinationKind: "exchange" });
    if (!values.nowait) channel.reply(exchangeBindOk, {});
  }),
  on(exchangeUnbind, async (channel, values) => {
    await channel.session.client.unbind({ ...values, destinationKind: "exchange" });
    if (!values.nowait) channel.reply(exchangeUnbindOk, {});
  }),
];
