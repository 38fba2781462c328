// A shared object that is none of ours: it has no SUPERVISORRING_WORKERS.
extern "C" int something_else() { return 1; }
