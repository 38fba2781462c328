%% The legacy member that the other suites form mixed rings with.
-module(legacy_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1]).
-export([members_agree/1, a_killed_member_is_down_for_the_others/1,
         a_deleted_member_ends_and_forgets/1]).

-import(ring_cluster, [in/2, eventually/3]).

all() ->
    [members_agree, a_killed_member_is_down_for_the_others, a_deleted_member_ends_and_forgets].

init_per_suite(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    L1 = ring_cluster:start_legacy("legacy1"),
    L2 = ring_cluster:start_legacy("legacy2", [maps:get(node, L1)]),
    L3 = ring_cluster:start_legacy("legacy3", [maps:get(node, L2)]),
    [{legacy, [L1, L2, L3]} | Config].

end_per_suite(_Config) ->
    ring_cluster:stop().

members_agree(Config) ->
    Members = proplists:get_value(legacy, Config),
    Nodes = [Node || #{node := Node} <- Members],
    [eventually(fun() -> in(Member, fun() -> {ring_view:all(node()), ring_view:up(node())} end) end,
                {Nodes, Nodes}, 10000)
     || Member <- Members],
    Ids = lists:seq(1, 100),
    [Owners | Others] = [in(Member, fun() -> ring_view:legacy_owners(sup, Ids) end)
                         || Member <- Members],
    [?assertEqual(Owners, Other) || Other <- Others],
    ?assertEqual(Nodes, lists:usort(Owners)).

a_killed_member_is_down_for_the_others(Config) ->
    [L1, L2, L3] = proplists:get_value(legacy, Config),
    catch in(L3, fun() -> os:cmd("kill -KILL " ++ os:getpid()) end),
    [eventually(fun() -> in(Member, fun() -> ring_view:up(node()) end) end,
                [Node || #{node := Node} <- [L1, L2]], 15000)
     || Member <- [L1, L2]].

a_deleted_member_ends_and_forgets(Config) ->
    [#{node := N1} = L1, #{node := N2} | _] = proplists:get_value(legacy, Config),
    File = filename:join(ring_cluster:data_dir("legacy2"), "ring"),
    ?assert(filelib:is_regular(File)),
    ok = in(L1, fun() -> 'Elixir.NanoRing':del_node(N2) end),
    eventually(fun() -> in(L1, fun() -> {lists:member(N2, ring_view:all(node())),
                                         ring_view:up(node())} end) end,
               {false, [N1]}, 30000),
    ?assertNot(filelib:is_regular(File)).
