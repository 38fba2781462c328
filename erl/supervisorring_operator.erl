%% What an operator asks of one member: this one, or the one that `{node, Node}' names. Another is
%% asked by erpc, a C++ node as well as a BEAM.
-module(supervisorring_operator).

-export([drain/1, cordon/1, uncordon/1]).

-define(TIMEOUT_MS, 5000).

-spec drain([{rate, pos_integer()} | {node, node()}]) -> ok | {error, term()}.
drain(Options) when is_list(Options) ->
    {Node, Rest} = member(Options),
    ask(Node, drain, Rest).

-spec cordon([{node, node()}]) -> ok | {error, term()}.
cordon(Options) when is_list(Options) ->
    {Node, []} = member(Options),
    ask(Node, cordon, []).

-spec uncordon([{node, node()}]) -> ok.
uncordon(Options) when is_list(Options) ->
    {Node, []} = member(Options),
    ask(Node, uncordon, []).

member(Options) ->
    case lists:keytake(node, 1, Options) of
        {value, {node, Node}, Rest} when is_atom(Node) -> {Node, Rest};
        false -> {node(), Options}
    end.

ask(Node, Function, Options) when Node =:= node() ->
    case whereis(supervisorring_estate) of
        undefined -> exit({no_program, {supervisorring, Function, [Options]}});
        _ -> supervisorring_member:request(Function, arguments(Function, Options))
    end;
ask(Node, Function, Options) ->
    erpc:call(Node, supervisorring, Function, arguments(Function, Options), ?TIMEOUT_MS).

arguments(drain, Options) -> [Options];
arguments(_Function, []) -> [].
