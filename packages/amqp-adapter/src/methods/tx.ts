/** Class 90: transactions. */

export const txSelect = { classId: 90, methodId: 10, name: "tx.select", fields: {} } as const;
export const txSelectOk = { classId: 90, methodId: 11, name: "tx.select-ok", fields: {} } as const;
export const txCommit = { classId: 90, methodId: 20, name: "tx.commit", fields: {} } as const;
export const txCommitOk = { classId: 90, methodId: 21, name: "tx.commit-ok", fields: {} } as const;
export const txRollback = { classId: 90, methodId: 30, name: "tx.rollback", fields: {} } as const;
export const txRollbackOk = { classId: 90, methodId: 31, name: "tx.rollback-ok", fields: {} } as const;
