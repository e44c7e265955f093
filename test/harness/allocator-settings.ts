/** The variables of `npm start`, without which much of what a backlog took stays with the process (docs/alarms.md). */
export const allocatorSettings = {
  MALLOC_MMAP_THRESHOLD_: "65536",
  MALLOC_TRIM_THRESHOLD_: "131072",
  MALLOC_MMAP_MAX_: "32768",
} as const;
