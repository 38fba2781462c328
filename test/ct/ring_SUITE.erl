%% Rings of C++ programs and legacy members: who is a member, who is up, who owns what.
-module(ring_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2,
         end_per_testcase/2]).
-export([all_agree_on_members_and_owners/1, a_killed_program_is_down_and_comes_back/1,
         a_killed_legacy_member_is_down_and_comes_back/1,
         a_legacy_member_deletes_a_program/1, a_program_deletes_a_legacy_member/1,
         a_program_deletes_a_program/1, a_program_that_forgets_is_in_no_ring_and_can_come_back/1]).
-export([a_ring_file_cut_short_is_kept_aside/1, a_ring_file_of_noise_is_kept_aside/1,
         a_restarted_program_remembers_its_ring/1, a_clock_that_went_back_hinders_nobody/1]).
-export([a_thousand_names_come_and_go/1, a_thousand_names_added_at_once_hinder_nobody/1, two_hash_formats_in_one_ring_are_shown/1]).

-import(ring_cluster, [in/2, in/3, eventually/2, eventually/3]).

%% The exit status of a program that was taken out of the ring.
-define(REMOVED, 7).
%% And of one that may not join.
-define(JOIN_REFUSED, 6).
%% A member is noticed as down after a few gossip rounds; a delete ends it 5 s after it heard.
-define(SETTLE_MS, 20000).

all() ->
    [{group, mixed}, {group, ring_file}, {group, odd}].

groups() ->
    [{mixed, [], mixed_cases()},
     {ring_file, [], [a_ring_file_cut_short_is_kept_aside, a_ring_file_of_noise_is_kept_aside,
                      a_restarted_program_remembers_its_ring, a_clock_that_went_back_hinders_nobody]},
     {odd, [], [a_thousand_names_come_and_go, a_thousand_names_added_at_once_hinder_nobody, two_hash_formats_in_one_ring_are_shown]}].

mixed_cases() ->
    [all_agree_on_members_and_owners, a_killed_program_is_down_and_comes_back,
     a_killed_legacy_member_is_down_and_comes_back, a_legacy_member_deletes_a_program,
     a_program_deletes_a_legacy_member, a_program_deletes_a_program,
     a_program_that_forgets_is_in_no_ring_and_can_come_back].

init_per_suite(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    Observer = ring_cluster:start_beam("observer"),
    [{observer, Observer} | Config].

end_per_suite(_Config) ->
    ring_cluster:stop().

%% Every case has a ring of its own.
init_per_testcase(Case, Config0) ->
    Config = [{mark, ring_cluster:mark()} | Config0],
    case lists:member(Case, mixed_cases()) of
        true -> mixed_ring([{supervisor, supervisor(Case, Config)} | Config]);
        false -> Config
    end.

%% Owners are asked of a supervisor. Elsewhere there is none, for a program that leaves would wait
%% for legacy members that cannot take its children.
supervisor(Case, Config) when Case =:= all_agree_on_members_and_owners; Case =:= a_thousand_names_added_at_once_hinder_nobody ->
    #{node := Observer} = proplists:get_value(observer, Config),
    ["--supervisor", "'Elixir.MySup'=my_sup@" ++ atom_to_list(Observer)];
supervisor(_Case, _Config) ->
    [].

end_per_testcase(_Case, Config) ->
    ring_cluster:stop_since(proplists:get_value(mark, Config)).

%% Each case has its own names, for its rings must not hear of one another.
mixed_ring(Config) ->
    N = integer_to_list(erlang:unique_integer([positive])),
    L1 = ring_cluster:start_legacy("legacy1_" ++ N),
    #{node := N1} = C1 = program("cpp1_" ++ N, [maps:get(node, L1)], Config),
    C2 = program("cpp2_" ++ N, [N1], Config),
    C3 = program("cpp3_" ++ N, [maps:get(node, L1)], Config),
    L2 = ring_cluster:start_legacy("legacy2_" ++ N, [maps:get(node, L1)]),
    Members = [L1, L2, C1, C2, C3],
    await_members(Config, Members, Members),
    [{programs, [C1, C2, C3]}, {legacy, [L1, L2]} | Config].

program(Name, Joins, Config) ->
    Args = lists:append([["--join", atom_to_list(Node)] || Node <- Joins]),
    ring_cluster:start_ringnode(Name, proplists:get_value(supervisor, Config) ++ Args).

%% The mixed ring

all_agree_on_members_and_owners(Config) ->
    Programs = proplists:get_value(programs, Config),
    Legacy = [L1 | _] = proplists:get_value(legacy, Config),
    Ids = ids(1000),
    Owners = in(L1, fun() -> ring_view:legacy_owners(my_sup:name(), Ids) end),
    ?assertEqual(names(Programs ++ Legacy), lists:usort(Owners)),
    [?assertEqual(Owners, observe(Config, fun() -> ring_view:owners(Node, my_sup:name(), Ids) end))
     || #{node := Node} <- Programs],
    [?assertEqual(Owners, in(L, fun() -> ring_view:legacy_owners(my_sup:name(), Ids) end))
     || L <- Legacy].

a_killed_program_is_down_and_comes_back(Config) ->
    [C1, C2, #{name := Name} = C3] = proplists:get_value(programs, Config),
    Legacy = [#{node := N1} | _] = proplists:get_value(legacy, Config),
    Rest = [C1, C2 | Legacy],
    ring_cluster:kill(C3),
    await_up(Config, Rest, Rest),
    Again = program(Name, [N1], Config),
    await_members(Config, [Again | Rest], [Again | Rest]).

a_killed_legacy_member_is_down_and_comes_back(Config) ->
    Programs = [#{node := N1} | _] = proplists:get_value(programs, Config),
    [L1, #{node := Node} = L2] = proplists:get_value(legacy, Config),
    kill_beam(L2),
    await_up(Config, [L1 | Programs], [L1 | Programs]),
    [Name, _Host] = string:lexemes(atom_to_list(Node), "@"),
    Again = ring_cluster:start_legacy(Name, [N1]),
    await_members(Config, [Again, L1 | Programs], [Again, L1 | Programs]).

a_legacy_member_deletes_a_program(Config) ->
    [#{node := Gone, name := Name} = C1 | Rest] = proplists:get_value(programs, Config),
    [L1 | _] = Legacy = proplists:get_value(legacy, Config),
    ok = in(L1, fun() -> 'Elixir.NanoRing':del_node(Gone) end),
    ?assertEqual(?REMOVED, ring_cluster:await_exit(C1, 30000)),
    ?assertNot(filelib:is_regular(filename:join(ring_cluster:data_dir(Name), "ring"))),
    await_members(Config, Rest ++ Legacy, Rest ++ Legacy).

a_program_deletes_a_legacy_member(Config) ->
    Programs = [#{node := N1} | _] = proplists:get_value(programs, Config),
    [L1, #{node := Gone}] = proplists:get_value(legacy, Config),
    ok = observe(Config, fun() -> gen_server:cast({'Elixir.NanoRing', N1}, {del_node, Gone}) end),
    await_members(Config, [L1 | Programs], [L1 | Programs]),
    eventually(fun() -> observe(Config, fun() -> net_adm:ping(Gone) end) end, pang, ?SETTLE_MS).

a_program_deletes_a_program(Config) ->
    [#{node := N1} = C1, #{node := Gone} = C2, C3] = proplists:get_value(programs, Config),
    Legacy = proplists:get_value(legacy, Config),
    ok = observe(Config, fun() -> gen_server:cast({'Elixir.NanoRing', N1}, {del_node, Gone}) end),
    ?assertEqual(?REMOVED, ring_cluster:await_exit(C2, 30000)),
    await_members(Config, [C1, C3 | Legacy], [C1, C3 | Legacy]).

%% `ringnode leave --forget`: every member drops it from its members, its files are gone, and it may join again.
a_program_that_forgets_is_in_no_ring_and_can_come_back(Config) ->
    [C1, C2, #{node := Gone, name := Name} = C3] = proplists:get_value(programs, Config),
    Legacy = proplists:get_value(legacy, Config),
    Rest = [C1, C2 | Legacy],
    ?assert(filelib:is_regular(filename:join(ring_cluster:data_dir(Name), "ring"))),
    {0, _} = ring_cluster:command(["leave", "--forget", "--name", atom_to_list(Gone), "--cookie-file", ring_cluster:cookie_file()]),
    ?assertEqual(0, ring_cluster:await_exit(C3, 20000)),
    await_members(Config, Rest, Rest),
    ?assertEqual({ok, ["lock"]}, file:list_dir(ring_cluster:data_dir(Name))),
    %% Nothing of the old ring is left with it, nor is it known there.
    Alone = program(Name, [], Config),
    await_members(Config, [Alone], [Alone]),
    timer:sleep(3000),
    await_members(Config, Rest, Rest),
    await_members(Config, [Alone], [Alone]),
    ring_cluster:kill(Alone),
    Again = program(Name, [maps:get(node, C1)], Config),
    await_members(Config, [Again | Rest], [Again | Rest]).

%% The ring file

a_ring_file_cut_short_is_kept_aside(Config) ->
    Whole = term_to_binary(#{'__struct__' => 'Elixir.LWWElemSet',
                             add_set => map_set([]), rem_set => map_set([])}),
    broken_ring_file(Config, "short", binary:part(Whole, 0, byte_size(Whole) - 7)).

a_ring_file_of_noise_is_kept_aside(Config) ->
    broken_ring_file(Config, "noise", << <<(N * 37 rem 256)>> || N <- lists:seq(1, 500) >>).

%% The program starts as a ring of one, says so, and the bytes are still somewhere.
broken_ring_file(Config, Name, Bytes) ->
    Dir = ring_cluster:data_dir(Name),
    ok = filelib:ensure_dir(filename:join(Dir, "ring")),
    ok = file:write_file(filename:join(Dir, "ring"), Bytes),
    #{node := Node} = Program = ring_cluster:start_ringnode(Name),
    eventually(fun() -> observe(Config, fun() -> ring_view:up(Node) end) end, [Node], 10000),
    Kept = [File || File <- filelib:wildcard(filename:join(Dir, "*")),
                    filename:basename(File) =/= "ring", file:read_file(File) =:= {ok, Bytes}],
    ?assertMatch([_], Kept),
    ?assertMatch({match, _}, re:run(ring_cluster:log(Program), "ring")).

%% Started again without --join, it finds its way back by its ring file.
a_restarted_program_remembers_its_ring(Config) ->
    #{node := N1} = C1 = ring_cluster:start_ringnode("first"),
    C2 = ring_cluster:start_ringnode("second", ["--join", atom_to_list(N1)]),
    await_members(Config, [C1, C2], [C1, C2]),
    ring_cluster:kill(C2),
    await_up(Config, [C1], [C1]),
    Again = ring_cluster:start_ringnode("second"),
    await_members(Config, [C1, Again], [C1, Again]).

%% Both ring files were written while the clock was a day ahead: whatever is done now has to count as newer.
a_clock_that_went_back_hinders_nobody(Config) ->
    Names = ["early", "late"],
    Nodes = [ring_cluster:node_name(Name) || Name <- Names],
    {Mega, Secs, Micro} = os:timestamp(),
    Ahead = {Mega, Secs + 86400, Micro},
    File = term_to_binary(#{'__struct__' => 'Elixir.LWWElemSet', add_set => map_set([{Node, Ahead} || Node <- Nodes]), rem_set => map_set([])}),
    [begin
         Path = filename:join(ring_cluster:data_dir(Name), "ring"),
         ok = filelib:ensure_dir(Path),
         ok = file:write_file(Path, File)
     end || Name <- Names],
    [C1, C2] = Both = [ring_cluster:start_ringnode(Name) || Name <- Names],
    await_members(Config, Both, Both),
    %% Leaves and comes back.
    ring_cluster:signal(C2, "TERM"),
    ?assertEqual(0, ring_cluster:await_exit(C2, 10000)),
    await_up(Config, [C1], [C1]),
    C3 = ring_cluster:start_ringnode("late"),
    await_members(Config, [C1, C3], [C1, C3]),
    %% Is killed and comes back.
    ring_cluster:kill(C3),
    await_up(Config, [C1], [C1]),
    C4 = ring_cluster:start_ringnode("late"),
    await_members(Config, [C1, C4], [C1, C4]),
    %% Is deleted, stays away, and joins again.
    ok = observe(Config, fun() -> gen_server:cast({'Elixir.NanoRing', maps:get(node, C1)}, {del_node, maps:get(node, C4)}) end),
    ?assertEqual(?REMOVED, ring_cluster:await_exit(C4, 30000)),
    await_members(Config, [C1], [C1]),
    Join = ["--join", atom_to_list(maps:get(node, C1))],
    C5 = ring_cluster:start_ringnode("late", Join),
    await_members(Config, [C1, C5], [C1, C5]),
    %% Leaves for good, and joins once more: with a legacy member, whose clock is right.
    {0, _} = ring_cluster:command(["leave", "--forget", "--name", atom_to_list(maps:get(node, C5)), "--cookie-file", ring_cluster:cookie_file()]),
    await_members(Config, [C1], [C1]),
    L = ring_cluster:start_legacy("legacy_late", [maps:get(node, C1)]),
    C6 = ring_cluster:start_ringnode("late", Join),
    await_members(Config, [C1, C6, L], [C1, C6, L]).

%% Sets and rings that are out of the ordinary

%% 1,100 names are added and deleted, some of them again: then nothing grows, neither in memory nor in the file.
a_thousand_names_come_and_go(Config) ->
    #{node := Node, os_pid := OsPid} = Program = ring_cluster:start_ringnode("busy", ["--log-level", "warning"]),
    Names = [list_to_atom("passer_by_" ++ integer_to_list(N) ++ "@127.0.0.1") || N <- lists:seq(1, 1100)],
    await_members(Config, [Program], [Program]),
    Round = fun(Count) ->
                {Micros, ok} = timer:tc(fun() ->
                    Observer = proplists:get_value(observer, Config),
                    in(Observer, fun() -> [ok = come_and_go(Node, Name) || Name <- lists:sublist(Names, Count)], ok end, 300000),
                    eventually(fun() -> observe(Config, fun() -> {ring_view:all(Node), ring_view:up(Node)} end) end, {[Node], [Node]}, 30000)
                end),
                Sizes = observe(Config, fun() -> [set_size(Node, Get) || Get <- [get_all, get_up]] end),
                [File] = [filelib:file_size(filename:join(ring_cluster:data_dir("busy"), "ring"))],
                ct:log("~p ms; {adds, removes, bytes} of node_set and up_set: ~p; ring file ~p bytes; resident ~p kB",
                       [Micros div 1000, Sizes, File, resident(OsPid)]),
                {Sizes, File}
            end,
    {[{Adds, Removes, Bytes}, {UpAdds, UpRemoves, UpBytes}], File} = Round(1100),
    ?assertEqual({1101, 1100}, {Adds, Removes}),
    ?assert(UpAdds =< 1101 andalso UpRemoves =< 1100),
    ?assert(Bytes < 1101 * 2 * 60 andalso UpBytes < 1101 * 2 * 60),
    ?assert(File < 1101 * 2 * 60),
    {[{Adds, Removes, Bytes2}, {_, _, UpBytes2}], File2} = Round(200),
    [?assert(abs(After - Before) < Before div 10) || {Before, After} <- [{Bytes, Bytes2}, {UpBytes, UpBytes2}, {File, File2}]],
    %% It is still a member like any other.
    Second = ring_cluster:start_ringnode("second_busy", ["--join", atom_to_list(Node)]),
    await_members(Config, [Program, Second], [Program, Second]).

%% The node answers in between, as fast as ever.
come_and_go(Node, Name) ->
    gen_server:cast({'Elixir.NanoRing', Node}, {add_node, Name}),
    gen_server:cast({'Elixir.NanoRing', Node}, {del_node, Name}),
    Node = erpc:call(Node, erlang, node, [], 5000),
    ok.

set_size(Node, Get) ->
    #{add_set := #{map := Adds}, rem_set := #{map := Removes}} = Set = gen_server:call({'Elixir.NanoRing', Node}, Get),
    {maps:size(Adds), maps:size(Removes), erlang:external_size(Set)}.

resident(OsPid) ->
    {ok, Status} = file:read_file("/proc/" ++ integer_to_list(OsPid) ++ "/status"),
    {match, [Kb]} = re:run(Status, "VmRSS:\\s+([0-9]+)", [{capture, all_but_first, list}]),
    list_to_integer(Kb).

%% 1,100 names of a host whose epmd does not know them are added without waiting: the real members stay up and answer,
%% nothing of theirs is started elsewhere, and in the end the names are members that are not up.
a_thousand_names_added_at_once_hinder_nobody(Config) ->
    Args = ["--log-level", "notice" | supervisor(a_thousand_names_added_at_once_hinder_nobody, Config)],
    #{node := N1} = C1 = ring_cluster:start_ringnode("asked", Args),
    Programs = [C1 | [ring_cluster:start_ringnode(Name, ["--join", atom_to_list(N1) | Args]) || Name <- ["beside1", "beside2"]]],
    await_members(Config, Programs, Programs),
    Places = fun() -> observe(Config, fun() -> [{Id, Node} || Id <- my_sup:ids(), Node <- names(Programs), runs_at(Id, Node)] end) end,
    eventually(fun() -> length(Places()) =:= length(my_sup:ids()) end, 10000),
    Before = Places(),
    Names = [list_to_atom("nobody_" ++ integer_to_list(N) ++ "@127.0.0.1") || N <- lists:seq(1, 1100)],
    {Micros, ok} = timer:tc(fun() ->
        observe(Config, fun() ->
            [gen_server:cast({'Elixir.NanoRing', N1}, {add_node, Name}) || Name <- Names],
            stay_up(names(Programs), lists:sort(Names ++ names(Programs)), Before, erlang:monotonic_time(second) + 120)
        end)
    end),
    Sizes = [observe(Config, fun() -> set_size(Node, Get) end) || Node <- names(Programs), Get <- [get_all, get_up]],
    Resident = [resident(OsPid) || #{os_pid := OsPid} <- Programs],
    ct:log("~p ms; {adds, removes, bytes} of node_set and up_set of each: ~p; resident ~p kB", [Micros div 1000, Sizes, Resident]),
    [?assert(Adds =< 1103 andalso Removes =< 1103 andalso Bytes < 1103 * 2 * 60) || {Adds, Removes, Bytes} <- Sizes],
    [?assert(Kb < 100000) || Kb <- Resident],
    ?assertEqual(Before, Places()).

%% On the observer: until every member knows all and only the members are up.
stay_up(Members, All, Children, Deadline) ->
    Ups = [ring_view:up(Node) || Node <- Members],
    [?assertEqual([], Members -- Up) || Up <- Ups],
    [?assert(is_integer(gen_server:call({Id, Node}, increment, 10000))) || {Id, Node} <- Children],
    ?assert(erlang:monotonic_time(second) < Deadline),
    case lists:usort(Ups) =:= [Members] andalso lists:usort([ring_view:all(Node) || Node <- Members]) =:= [All] of
        true -> ok;
        false -> timer:sleep(20), stay_up(Members, All, Children, Deadline)
    end.

runs_at(Id, Node) ->
    lists:member(Id, erpc:call(Node, erlang, registered, [], 10000)).

%% Neither was asked before: an operator added one to the other's ring.
two_hash_formats_in_one_ring_are_shown(Config) ->
    #{node := N25} = C25 = ring_cluster:start_ringnode("as_otp25", ["--otp", "25"]),
    #{node := N26} = C26 = ring_cluster:start_ringnode("as_otp26", ["--otp", "26"]),
    [await_members(Config, [C], [C]) || C <- [C25, C26]],
    ?assertEqual([nomatch, nomatch], [string:find(ring_cluster:status(Node), "MIXED") || Node <- [N25, N26]]),
    ok = observe(Config, fun() -> gen_server:cast({'Elixir.NanoRing', N25}, {add_node, N26}) end),
    await_members(Config, [C25, C26], [C25, C26]),
    [eventually(fun() -> is_list(string:find(ring_cluster:status(Node), "MIXED: " ++ atom_to_list(Other))) end, 5000)
     || {Node, Other} <- [{N25, N26}, {N26, N25}]],
    [?assertMatch([_], binary:matches(ring_cluster:log(C), <<"they disagree on where children belong">>)) || C <- [C25, C26]],
    %% Whoever would join such a ring is refused, with the reason once.
    C = ring_cluster:run_ringnode("third_format", ring_cluster:run_args("third_format") ++ ["--join", atom_to_list(N25)]),
    ?assertEqual(?JOIN_REFUSED, ring_cluster:await_exit(C, 15000)),
    ?assertMatch([_], binary:matches(ring_cluster:log(C), <<"they disagree on where children belong">>)),
    ?assertMatch([_], binary:matches(ring_cluster:log(C), <<"not joining">>)),
    ring_cluster:kill(C26),
    eventually(fun() -> string:find(ring_cluster:status(N25), "MIXED") end, nomatch, 10000).

%% What the cases share

observe(Config, Fun) ->
    in(proplists:get_value(observer, Config), Fun).

names(Members) ->
    lists:sort([Node || #{node := Node} <- Members]).

await_members(Config, Asked, Expected) ->
    await_up(Config, Asked, Expected),
    [await(Config, fun ring_view:all/1, Member, Expected) || Member <- Asked].

await_up(Config, Asked, Expected) ->
    [await(Config, fun ring_view:up/1, Member, Expected) || Member <- Asked].

await(Config, View, #{node := Node}, Expected) ->
    eventually(fun() -> observe(Config, fun() -> View(Node) end) end, names(Expected), ?SETTLE_MS).

%% Ids of the kinds that users have.
ids(Count) ->
    [case N rem 4 of
         0 -> N;
         1 -> list_to_atom("id_" ++ integer_to_list(N));
         2 -> <<"id ", (integer_to_binary(N))/binary>>;
         3 -> {user, N, [N]}
     end || N <- lists:seq(1, Count)].

map_set(Elems) ->
    #{'__struct__' => 'Elixir.MapSet', map => maps:from_list([{E, []} || E <- Elems]), version => 2}.

kill_beam(Beam) ->
    catch in(Beam, fun() -> os:cmd("kill -KILL " ++ os:getpid()) end),
    ok.
