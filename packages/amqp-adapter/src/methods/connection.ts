/** Class 10: negotiation, virtual host, closing, and RabbitMQ's blocked, unblocked and update-secret. */

export const connectionStart = {
  classId: 10,
  methodId: 10,
  name: "connection.start",
  fields: {
    versionMajor: "octet",
    versionMinor: "octet",
    serverProperties: "table",
    mechanisms: "longstr",
    locales: "longstr",
  },
} as const;

export const connectionStartOk = {
  classId: 10,
  methodId: 11,
  name: "connection.start-ok",
  fields: { clientProperties: "table", mechanism: "shortstr", response: "longstr", locale: "shortstr" },
} as const;

export const connectionSecure = {
  classId: 10,
  methodId: 20,
  name: "connection.secure",
  fields: { challenge: "longstr" },
} as const;

export const connectionSecureOk = {
  classId: 10,
  methodId: 21,
  name: "connection.secure-ok",
  fields: { response: "longstr" },
} as const;

export const connectionTune = {
  classId: 10,
  methodId: 30,
  name: "connection.tune",
  fields: { channelMax: "short", frameMax: "long", heartbeat: "short" },
} as const;

export const connectionTuneOk = {
  classId: 10,
  methodId: 31,
  name: "connection.tune-ok",
  fields: { channelMax: "short", frameMax: "long", heartbeat: "short" },
} as const;

export const connectionOpen = {
  classId: 10,
  methodId: 40,
  name: "connection.open",
  fields: { virtualHost: "shortstr", capabilities: "shortstr", insist: "bit" },
} as const;

export const connectionOpenOk = {
  classId: 10,
  methodId: 41,
  name: "connection.open-ok",
  fields: { knownHosts: "shortstr" },
} as const;

export const connectionClose = {
  classId: 10,
  methodId: 50,
  name: "connection.close",
  fields: { replyCode: "short", replyText: "shortstr", failingClassId: "short", failingMethodId: "short" },
} as const;

export const connectionCloseOk = { classId: 10, methodId: 51, name: "connection.close-ok", fields: {} } as const;

export const connectionBlocked = {
  classId: 10,
  methodId: 60,
  name: "connection.blocked",
  fields: { reason: "shortstr" },
} as const;

export const connectionUnblocked = { classId: 10, methodId: 61, name: "connection.unblocked", fields: {} } as const;

export const connectionUpdateSecret = {
  classId: 10,
  methodId: 70,
  name: "connection.update-secret",
  fields: { newSecret: "longstr", reason: "shortstr" },
} as const;

export const connectionUpdateSecretOk = {
  classId: 10,
  methodId: 71,
  name: "connection.update-secret-ok",
  fields: {},
} as const;
