/* The broker's CPU time from /proc, with every process below it: RabbitMQ, for one, keeps helper processes. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

#define PROCESSES_MAX 4096

struct process { int pid, parent; double seconds; bool counted; };

static bool read_process(int pid, struct process *process) {
  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  bool read = fgets(line, sizeof line, file) != NULL;
  fclose(file);
  char *after_name = read ? strrchr(line, ')') : NULL; /* a name may hold spaces and brackets: proc(5) */
  if (after_name == NULL) return false;
  unsigned long user, kernel;
  long children_user, children_kernel;
  int parent;
  if (sscanf(after_name + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &parent, &user, &kernel,
             &children_user, &children_kernel) != 5)
    return false;
  double ticks = (double)(user + kernel) + (double)(children_user + children_kernel);
  *process = (struct process){.pid = pid, .parent = parent, .seconds = ticks / (double)sysconf(_SC_CLK_TCK)};
  return true;
}

static size_t read_processes(struct process *processes) {
  DIR *directory = opendir("/proc");
  if (directory == NULL) return 0;
  size_t count = 0;
  for (struct dirent *entry; count < PROCESSES_MAX && (entry = readdir(directory)) != NULL;)
    if (isdigit((unsigned char)entry->d_name[0]) && read_process(atoi(entry->d_name), &processes[count])) count++;
  closedir(directory);
  return count;
}

static double count_tree(struct process *processes, size_t count, int root) {
  double seconds = 0;
  for (size_t i = 0; i < count; i++) {
    if (processes[i].counted) continue;
    if (processes[i].pid == root) {
      processes[i].counted = true;
      seconds += processes[i].seconds;
    } else if (processes[i].parent == root) {
      seconds += count_tree(processes, count, processes[i].pid);
    }
  }
  return seconds;
}

double broker_cpu_seconds(const char *pids) {
  if (pids == NULL) return 0;
  static struct process processes[PROCESSES_MAX];
  size_t count = read_processes(processes);
  double seconds = 0;
  char *list = strdup(pids), *rest = list;
  for (char *pid; (pid = strsep(&rest, ",")) != NULL;) seconds += count_tree(processes, count, atoi(pid));
  free(list);
  return seconds;
}
