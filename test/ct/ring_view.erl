%% How members see the ring: read from any node that can reach them, from C++ programs,
%% legacy members and others alike.
-module(ring_view).

-export([all/1, up/1, members/1, owner/3, owners/3, legacy_owners/2]).

-type lww_set() :: #{'__struct__' := 'Elixir.LWWElemSet', add_set := map(), rem_set := map()}.

%% The members, sorted, as Node's NanoRing knows them.
-spec all(node()) -> [node()].
all(Node) ->
    members(gen_server:call({'Elixir.NanoRing', Node}, get_all)).

%% The members that are up, sorted, as Node's NanoRing knows them.
-spec up(node()) -> [node()].
up(Node) ->
    members(gen_server:call({'Elixir.NanoRing', Node}, get_up)).

%% Of each element the newest change counts; an add and a remove at one time: member.
-spec members(lww_set()) -> [node()].
members(#{add_set := #{map := Adds}, rem_set := #{map := Removes}}) ->
    Removed = newest(Removes),
    lists:sort([Elem || {Elem, Added} <- maps:to_list(newest(Adds)),
                        maps:get(Elem, Removed, Added) =< Added]).

newest(Changes) ->
    maps:fold(fun({Elem, Time}, _, Newest) ->
                      maps:update_with(Elem, fun(Old) -> max(Old, Time) end, Time, Newest)
              end, #{}, Changes).

%% The owner of a child as Node's child manager of the supervisor sees it.
-spec owner(node(), Sup :: atom(), Id :: term()) -> node().
owner(Node, Sup, Id) ->
    gen_server:call({list_to_atom(atom_to_list(Sup) ++ ".ChildManager"), Node}, {get_node, Id}).

-spec owners(node(), Sup :: atom(), Ids :: [term()]) -> [node()].
owners(Node, Sup, Ids) ->
    [owner(Node, Sup, Id) || Id <- Ids].

%% The same by the legacy ConsistentHash, over its members that are up. To be run on a legacy member.
-spec legacy_owners(Sup :: atom(), Ids :: [term()]) -> [node()].
legacy_owners(Sup, Ids) ->
    Ring = 'Elixir.ConsistentHash':ring_for_nodes(up(node())),
    ['Elixir.ConsistentHash':node_for_key(Ring, {Sup, Id}) || Id <- Ids].
