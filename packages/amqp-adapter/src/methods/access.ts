/** Class 30: access tickets of AMQP 0-8. Old clients still ask for one; every ticket is 1 and means nothing. */

export const accessRequest = {
  classId: 30,
  methodId: 10,
  name: "access.request",
  fields: {
    realm: "shortstr",
    exclusive: "bit",
    passive: "bit",
    active: "bit",
    write: "bit",
    read: "bit",
  },
} as const;

export const accessRequestOk = {
  classId: 30,
  methodId: 11,
  name: "access.request-ok",
  fields: { ticket: "short" },
} as const;
