%% @doc Elixir's `ConsistentHash': which node of a list owns a key.
%%
%% The owners are those of the original library: each node has 300 points, a key belongs to the
%% first point that is not below it. What differs: equal points of two nodes (`n1' and `n11', where
%% the original never returns) belong to the node whose name sorts first, as everywhere in this
%% application, and a ring of no nodes is an error.
-module('Elixir.ConsistentHash').

-export([ring_for_nodes/1, node_for_key/2, '__info__'/1]).

-export_type([ring/0]).

-define(POINTS_PER_NODE, 300).

-opaque ring() :: tuple().

%% @doc The ring of these nodes: a list, or any other enumerable of Elixir.
-spec ring_for_nodes([node()] | map()) -> ring().
ring_for_nodes(Nodes) ->
    case lists:usort(to_list(Nodes)) of
        [] ->
            error(badarg, [Nodes]);
        Members ->
            list_to_tuple(lists:sort([{point(atom_to_binary(Member), Number), Member}
                                      || Member <- Members, Number <- lists:seq(1, ?POINTS_PER_NODE)]))
    end.

%% @doc The node that owns the key.
-spec node_for_key(ring(), Key :: term()) -> node().
node_for_key(Ring, Key) ->
    element(2, element(first(Ring, digest(Key), 1, tuple_size(Ring) + 1), Ring)).

%% @private
-spec '__info__'(atom()) -> term().
'__info__'(What) ->
    supervisorring_elixir:info(?MODULE, What, [{ring_for_nodes, 1}, {node_for_key, 2}], []).

%% The place of the first point that is not below the digest, which lies at Low or after it and
%% not after High; the first of all when none is.
first(Ring, _Digest, High, High) when High > tuple_size(Ring) ->
    1;
first(_Ring, _Digest, High, High) ->
    High;
first(Ring, Digest, Low, High) ->
    Middle = (Low + High) div 2,
    case element(1, element(Middle, Ring)) of
        Point when Point < Digest -> first(Ring, Digest, Middle + 1, High);
        _ -> first(Ring, Digest, Low, Middle)
    end.

point(Name, Number) ->
    digest(<<Name/binary, (integer_to_binary(Number))/binary>>).

%% As this VM writes the key: what placement in a ring of other VMs says, supervisorring:find/2 knows.
digest(Key) ->
    crypto:hash(sha, term_to_binary(Key)).

to_list(Nodes) when is_list(Nodes) -> Nodes;
to_list(#{'__struct__' := 'Elixir.LWWElemSet'} = Set) -> 'Elixir.LWWElemSet':to_list(Set);
to_list(#{'__struct__' := 'Elixir.MapSet', map := Map}) -> maps:keys(Map);
to_list(Nodes) -> supervisorring_elixir:call('Elixir.Enum', to_list, [Nodes]).
