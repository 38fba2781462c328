%% @doc Where a supervisor's dynamic children are remembered.
%%
%% A supervisor whose init/1 names {dyn_child_handler, Module} among its specs has, beside
%% the children written there, those that Module:get_all/0 answers. match/1 says which ids
%% a handler looks after; the first handler that matches is told of a child that was
%% started (add/1) or deleted (del/1). Keeping the list alike on all nodes is the
%% handler's own business.
-module(dyn_child_handler).

-callback match(Id :: supervisorring:id()) -> boolean().
-callback get_all() -> [supervisorring:child_spec()].
-callback add(supervisorring:child_spec()) -> term().
-callback del(Id :: supervisorring:id()) -> term().
