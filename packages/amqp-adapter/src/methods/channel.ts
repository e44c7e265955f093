/** Class 20: channels. */

export const channelOpen = {
  classId: 20,
  methodId: 10,
  name: "channel.open",
  fields: { outOfBand: "shortstr" },
} as const;

export const channelOpenOk = {
  classId: 20,
  methodId: 11,
  name: "channel.open-ok",
  fields: { channelId: "longstr" },
} as const;

export const channelFlow = { classId: 20, methodId: 20, name: "channel.flow", fields: { active: "bit" } } as const;

export const channelFlowOk = { classId: 20, methodId: 21, name: "channel.flow-ok", fields: { active: "bit" } } as const;

export const channelClose = {
  classId: 20,
  methodId: 40,
  name: "channel.close",
  fields: { replyCode: "short", replyText: "shortstr", failingClassId: "short", failingMethodId: "short" },
} as const;

export const channelCloseOk = { classId: 20, methodId: 41, name: "channel.close-ok", fields: {} } as const;
