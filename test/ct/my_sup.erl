%% The supervisor of the suites, as a user writes it: 12 counters, and whatever was added.
%%
%% Its handler remembers the added children on this node only, in a persistent_term.
-module(my_sup).
-behaviour(supervisorring).
-behaviour(dyn_child_handler).

-export([init/1, match/1, get_all/0, add/1, del/1]).
-export([name/0, ids/0, counter/1]).

name() -> 'Elixir.MySup'.

ids() -> [list_to_atom("c" ++ integer_to_list(N)) || N <- lists:seq(1, 12)].

%% The counter's class is chosen by its start function's callback module.
counter(Id) ->
    {Id, {gen_server, start_link, [{local, Id}, 'Elixir.Counter', [], []]},
     permanent, 2000, worker, ['Elixir.Counter']}.

init([]) ->
    {ok, {{one_for_one, 20, 5},
          [counter(Id) || Id <- ids()] ++ [{dyn_child_handler, ?MODULE}]}};
%% Specs of a class that no program has.
init(unknown_class) ->
    {ok, {{one_for_one, 3, 5},
          [{u1, {gen_server, start_link, [{local, u1}, 'Elixir.NobodyHasThis', [], []]},
            permanent, 2000, worker, ['Elixir.NobodyHasThis']}]}};
init({specs, Specs}) ->
    {ok, {{one_for_one, 3, 5}, Specs}}.

match(Id) ->
    Id =/= unmatched.

get_all() ->
    persistent_term:get(?MODULE, []).

add(Spec) ->
    Id = element(1, Spec),
    persistent_term:put(?MODULE, lists:keystore(Id, 1, get_all(), Spec)).

del(Id) ->
    persistent_term:put(?MODULE, lists:keydelete(Id, 1, get_all())).
