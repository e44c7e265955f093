/** Class 85: RabbitMQ's publisher confirms. */

export const confirmSelect = {
  classId: 85,
  methodId: 10,
  name: "confirm.select",
  fields: { nowait: "bit" },
} as const;

export const confirmSelectOk = { classId: 85, methodId: 11, name: "confirm.select-ok", fields: {} } as const;
