/** The versions of STOMP spoken here, oldest first. */
export const versions = ["1.0", "1.1", "1.2"] as const;

export type Version = (typeof versions)[number];

/** As ERROR frames name them. */
export const versionList: string = versions.join(",");
