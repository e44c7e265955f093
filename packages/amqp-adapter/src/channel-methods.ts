import { AmqpError, replyCodes } from "./amqp-error.ts";
import { type MethodHandler, on } from "./method-handler.ts";
import { accessRequest, accessRequestOk } from "./methods/access.ts";
import { channelClose, channelFlow, channelFlowOk, channelOpen } from "./methods/channel.ts";
import { confirmSelect, confirmSelectOk } from "./methods/confirm.ts";
import { txCommit, txCommitOk, txRollback, txRollbackOk, txSelect, txSelectOk } from "./methods/tx.ts";

/** Every access ticket is this one. */
const onlyTicket = 1;

/** Methods about the channel itself: open, flow, close, confirms, transactions. */
export const channelHandlers: readonly (readonly [number, MethodHandler])[] = [
  on(channelOpen, () => {
    throw new AmqpError(replyCodes.channelError, "second 'channel.open' seen");
  }),
  on(channelFlow, (channel, { active }) => {
    if (!active) throw new AmqpError(replyCodes.notImplemented, "active=false");
    channel.reply(channelFlowOk, { active });
  }),
  on(channelClose, (channel) => channel.onClose()),
  on(accessRequest, (channel) => channel.reply(accessRequestOk, { ticket: onlyTicket })),
  on(confirmSelect, (channel, { nowait }) => {
    channel.core.confirmSelect();
    if (!nowait) channel.reply(confirmSelectOk, {});
  }),
  on(txSelect, (channel) => {
    channel.core.txSelect();
    channel.reply(txSelectOk, {});
  }),
  on(txCommit, async (channel) => {
    await channel.core.txCommit();
    channel.reply(txCommitOk, {});
  }),
  on(txRollback, (channel) => {
    channel.core.txRollback();
    channel.reply(txRollbackOk, {});
  }),
];
