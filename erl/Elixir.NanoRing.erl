%% @doc Elixir's `NanoRing': who is a member of the ring, and who is up.
%%
%% The answers are those of the member that runs on this node; a node that runs none exits with
%% `noproc', as with the original library.
-module('Elixir.NanoRing').

-export([all/0, up/0, add_node/1, del_node/1]).
-export(['__struct__'/0, '__struct__'/1, '__info__'/1]).

-export_type([t/0]).

-type t() :: #{'__struct__' := 'Elixir.NanoRing',
               node_set := 'Elixir.LWWElemSet':t(), up_set := 'Elixir.LWWElemSet':t()}.

%% @doc All members, up or not.
-spec all() -> 'Elixir.LWWElemSet':t().
all() ->
    gen_server:call(?MODULE, get_all).

%% @doc The members that are up.
-spec up() -> 'Elixir.LWWElemSet':t().
up() ->
    gen_server:call(?MODULE, get_up).

%% @doc Adds a node to the ring. It need not run yet; it learns of the ring by gossip.
-spec add_node(node() | binary()) -> ok.
add_node(Node) when is_binary(Node) -> add_node(binary_to_atom(Node));
add_node(Node) when is_atom(Node) -> change(add_node, Node).

%% @doc Removes a node from the ring. When it learns of that it deletes its ring file and stops. Under
%% `partitions: :quorum' it is refused on a member that is in a minority.
-spec del_node(node() | binary()) -> ok | {error, {minority, Up :: [node()], Members :: [node()]}}.
del_node(Node) when is_binary(Node) -> del_node(binary_to_atom(Node));
del_node(Node) when is_atom(Node) -> change(del_node, Node).

%% The original's cast, which has no answer. Where there can be a refusal the program is asked, and for
%% both, so that they keep their order.
change(Function, Node) ->
    case supervisorring_config:has_quorum() andalso whereis(supervisorring_estate) of
        Estate when is_pid(Estate) -> supervisorring_inbox:request(Function, [Node]);
        _ -> gen_server:cast(?MODULE, {Function, Node})
    end.

%% @private
-spec '__struct__'() -> t().
'__struct__'() ->
    Empty = 'Elixir.LWWElemSet':new(),
    #{'__struct__' => ?MODULE, node_set => Empty, up_set => Empty}.

%% @private
-spec '__struct__'([{atom(), term()}] | map()) -> t().
'__struct__'(Fields) when is_map(Fields) ->
    '__struct__'(maps:to_list(Fields));
'__struct__'(Fields) ->
    lists:foldl(fun({Field, Value}, Ring) -> maps:update(Field, Value, Ring) end, '__struct__'(), Fields).

%% @private
-spec '__info__'(atom()) -> term().
'__info__'(What) ->
    supervisorring_elixir:info(?MODULE, What,
                               [{all, 0}, {up, 0}, {add_node, 1}, {del_node, 1}, {'__struct__', 0}, {'__struct__', 1}],
                               []).
