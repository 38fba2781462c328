%% The legacy member that the other suites form mixed rings with.
-module(legacy_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1]).
-export([members_agree/1, children_are_shared/1, changes_reach_the_owner/1,
         children_move_with_their_state/1, a_killed_member_is_down_for_the_others/1,
         a_deleted_member_ends_and_forgets/1]).

-import(ring_cluster, [in/2, eventually/3]).

-define(SUP, 'Elixir.MixedSup').

all() ->
    [members_agree, children_are_shared, changes_reach_the_owner, children_move_with_their_state,
     a_killed_member_is_down_for_the_others, a_deleted_member_ends_and_forgets].

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

children_are_shared(Config) ->
    Members = [L1 | _] = proplists:get_value(legacy, Config),
    [{ok, _} = in(Member, fun() -> ?SUP:start() end) || Member <- Members],
    await_one_of_each(L1, Members),
    Listed = in(L1, fun() -> supervisorring:which_children(?SUP) end),
    ?assertEqual([Node || #{node := Node} <- Members], lists:usort([node(Pid) || {_, Pid, _, _} <- Listed])),
    ?assertMatch(#{active := 12}, in(L1, fun() -> supervisorring:count_children(?SUP) end)).

changes_reach_the_owner(Config) ->
    [in(Member, fun() ->
         Spec = ?SUP:counter(Id),
         {ok, Pid} = supervisorring:start_child(?SUP, Spec),
         ?assertEqual(supervisorring:find(?SUP, Id), node(Pid)),
         ?assertEqual([Spec], ?SUP:get_all()),
         ok = supervisorring:terminate_child(?SUP, Id),
         {ok, _} = supervisorring:restart_child(?SUP, Id),
         ok = supervisorring:terminate_child(?SUP, Id),
         ok = supervisorring:delete_child(?SUP, Id),
         ?assertEqual([], ?SUP:get_all())
     end) || Member <- proplists:get_value(legacy, Config), Id <- [x1, x2, x3, x4]].

%% The third member is out of the others' ring for a moment, and knows nothing of it.
children_move_with_their_state(Config) ->
    Members = [L1, L2, #{node := N3} = L3] = proplists:get_value(legacy, Config),
    Ids = in(L1, fun() -> ?SUP:ids() end),
    [in(L1, fun() -> gen_server:cast({Id, supervisorring:find(?SUP, Id)}, {set, 7}) end) || Id <- Ids],
    Moving = [Id || Id <- Ids, in(L1, fun() -> supervisorring:find(?SUP, Id) end) =:= N3],
    ok = in(L3, fun() -> sys:suspend('Elixir.NanoRing') end),
    eventually(fun() -> [in(L, fun() -> lists:member(N3, ring_view:up(node())) end) || L <- [L1, L2]] end,
               [false, false], 15000),
    [eventually(fun() -> in(L1, fun() -> is_pid(rpc:call(supervisorring:find(?SUP, Id), erlang, whereis, [Id])) end) end,
                true, 5000) || Id <- Moving],
    [in(L1, fun() -> gen_server:cast({Id, supervisorring:find(?SUP, Id)}, {set, 8}) end) || Id <- Moving],
    ok = in(L3, fun() -> sys:resume('Elixir.NanoRing') end),
    [eventually(fun() -> in(L, fun() -> lists:member(N3, ring_view:up(node())) end) end, true, 15000) || L <- Members],
    await_one_of_each(L1, Members),
    [eventually(fun() -> in(L3, fun() -> gen_server:call(Id, get) end) end, 8, 5000) || Id <- Moving].

%% Every child runs on its owner and nowhere else.
await_one_of_each(Asked, Members) ->
    Nodes = [Node || #{node := Node} <- Members],
    eventually(fun() -> in(Asked, fun() ->
        lists:sort([{Id, Node} || Node <- Nodes, {Id, Pid, _, _} <- supervisor:which_children({?SUP, Node}), is_pid(Pid)])
            =:= lists:sort([{Id, supervisorring:find(?SUP, Id)} || Id <- ?SUP:ids()])
    end) end, true, 15000).

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
