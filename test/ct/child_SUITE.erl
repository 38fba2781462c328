%% Single native children that do not do what is expected: starts that fail or are ignored, code that does not return.
-module(child_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([a_failed_start_answers_as_otp/1, a_failed_restart_answers_as_otp/1,
         an_exception_in_init_is_the_reason/1, a_child_ignored_at_its_restart_is_kept_undefined/1,
         a_child_that_does_not_start_again_ends_its_supervisor/1,
         a_child_that_cannot_start_at_a_take_over_is_tried_again/1,
         a_child_that_is_ignored_at_a_take_over_is_kept_undefined/1]).
-export([a_stuck_child_is_dead_at_once_and_shown/1, a_stuck_child_is_killed_after_its_shutdown_time/1,
         the_successor_of_a_stuck_child_waits_for_it/1]).

-import(ring_cluster, [in/2, eventually/2, eventually/3]).

-define(SUP, odd_children).

all() ->
    [a_failed_start_answers_as_otp, a_failed_restart_answers_as_otp, an_exception_in_init_is_the_reason,
     a_child_ignored_at_its_restart_is_kept_undefined, a_child_that_does_not_start_again_ends_its_supervisor,
     a_child_that_cannot_start_at_a_take_over_is_tried_again,
     a_child_that_is_ignored_at_a_take_over_is_kept_undefined,
     a_stuck_child_is_dead_at_once_and_shown, a_stuck_child_is_killed_after_its_shutdown_time,
     the_successor_of_a_stuck_child_waits_for_it].

init_per_suite(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    [{dev, ring_cluster:start_beam("dev")}, {workers, ring_cluster:odd_workers()} | Config].

end_per_suite(_Config) ->
    ring_cluster:stop().

init_per_testcase(_Case, Config) ->
    on_dev(Config, fun() -> persistent_term:erase(my_sup) end),  % what an earlier case has added
    [file:del_dir_r(ring_cluster:data_dir(Name)) || Name <- ["cpp1", "cpp2"]],
    [{mark, ring_cluster:mark()} | Config].

end_per_testcase(_Case, Config) ->
    ring_cluster:stop_since(proplists:get_value(mark, Config)).

%% A member that runs the supervisor with these children, added to my_sup's handler.
program(Name, Args, Specs, Config) ->
    #{node := Dev} = proplists:get_value(dev, Config),
    Argument = lists:flatten(io_lib:format("={specs,~0p}", [[{dyn_child_handler, my_sup} | Specs]])),
    ring_cluster:start_ringnode(Name, ["--workers", proplists:get_value(workers, Config), "--supervisor",
                                       atom_to_list(?SUP) ++ "=my_sup@" ++ atom_to_list(Dev) ++ Argument | Args]).

one_program(Specs, Config) ->
    #{node := Node} = Program = program("cpp1", [], Specs, Config),
    await_children(Config, Node, length(Specs)),
    Program.

await_children(Config, Node, Count) ->
    eventually(fun() -> on_dev(Config, fun() -> length(ask(Node, which_children, [?SUP])) end) end, Count, 15000).

odd(Id, Argument) ->
    {Id, {gen_server, start_link, [{local, Id}, odd_start, Argument, []]}, permanent, 2000, worker, [odd_start]}.

stubborn(Id, Shutdown) ->
    {Id, {gen_server, start_link, [{local, Id}, stubborn, [], []]}, permanent, Shutdown, worker, [stubborn]}.

%% Starts

%% OTP's own supervisor is given the same spec, whose start it finds in odd_start.erl.
a_failed_start_answers_as_otp(Config) ->
    #{node := Node} = one_program([], Config),
    on_dev(Config, fun() ->
        {ok, Otp} = supervisor:start_link(my_sup, {specs, []}),
        [begin
             Spec = odd(Id, Argument),
             Expected = supervisor:start_child(Otp, Spec),
             ?assertEqual({Spec, Expected}, {Spec, ask(Node, start_child, [?SUP, Spec])}),
             ?assertEqual(supervisor:which_children(Otp), ask(Node, which_children, [?SUP])),
             Again = supervisor:start_child(Otp, Spec),
             ?assertEqual({Spec, Again}, {Spec, ask(Node, start_child, [?SUP, Spec])}),
             [?assertEqual({Change, supervisor:Change(Otp, Id)}, {Change, ask(Node, Change, [?SUP, Id])})
              || Change <- [restart_child, terminate_child, delete_child]]
         end || {Id, Argument} <- [{o1, {stop, because}}, {o2, {stop, {shutdown, [1, <<"x">>]}}}, {o3, ignore},
                                   {o4, {exit, gone}}, {o5, {stop, normal}}, {o6, {stop, shutdown}}]],
        [?assertEqual(Temporary, element(2, ask(Node, start_child, [?SUP, setelement(3, odd(o7, ignore), temporary)])))
         || {ok, Temporary} <- [supervisor:start_child(Otp, setelement(3, odd(o7, ignore), temporary))]],
        ?assertEqual(supervisor:which_children(Otp), ask(Node, which_children, [?SUP])),
        unlink(Otp), exit(Otp, kill)
    end).

a_failed_restart_answers_as_otp(Config) ->
    #{node := Node} = one_program([], Config),
    File = says(Config, run),
    on_dev(Config, fun() ->
        {ok, _} = ask(Node, start_child, [?SUP, odd(o1, {file, File})]),
        [begin
             ok = ask(Node, terminate_child, [?SUP, o1]),
             says(File, How),
             ?assertEqual(Answer, ask(Node, restart_child, [?SUP, o1]))
         end || {How, Answer} <- [{{stop, because}, {error, because}}, {ignore, {ok, undefined}}, {{exit, gone}, {error, gone}}]],
        says(File, run),
        ?assertMatch({ok, Pid} when is_pid(Pid), ask(Node, restart_child, [?SUP, o1]))
    end).

an_exception_in_init_is_the_reason(Config) ->
    #{node := Node} = one_program([], Config),
    on_dev(Config, fun() ->
        Spec = odd(o1, {throw, <<"no device">>}),
        ?assertMatch({error, {{cpp_exception, <<"no device">>}, Child}} when element(1, Child) =:= child,
                     ask(Node, start_child, [?SUP, Spec])),
        ?assertEqual([], ask(Node, which_children, [?SUP])),
        ?assertEqual([], my_sup:get_all())
    end).

%% As OTP: the start function may say `ignore` at a restart, and is not asked again.
a_child_ignored_at_its_restart_is_kept_undefined(Config) ->
    File = says(Config, run),
    #{node := Node} = one_program([odd(o1, {file, File})], Config),
    on_dev(Config, fun() ->
        [{o1, Pid, _, _}] = ask(Node, which_children, [?SUP]),
        says(File, ignore),
        exit(Pid, kill),
        eventually(fun() -> ask(Node, which_children, [?SUP]) end, [{o1, undefined, worker, [odd_start]}], 5000),
        says(File, run),
        ?assertMatch({ok, _}, ask(Node, restart_child, [?SUP, o1]))
    end).

%% As OTP: each failed restart counts, so that the local supervisor ends; what is above starts it again,
%% and its children as at a first start, which is tried again with a back-off.
a_child_that_does_not_start_again_ends_its_supervisor(Config) ->
    File = says(Config, run),
    #{node := Node} = Program = one_program([odd(o1, {file, File}), odd(o2, run)], Config),
    on_dev(Config, fun() ->
        [Pid, Other] = [ask(Node, whereis, [?SUP, Id]) || Id <- [o1, o2]],
        Ref = monitor(process, Other),
        says(File, {stop, no_device}),
        exit(Pid, kill),
        ?assertEqual(shutdown, receive {'DOWN', Ref, _, _, Why} -> Why after 30000 -> nothing end),
        eventually(fun() -> is_pid(ask(Node, whereis, [?SUP, o2])) end, 5000),
        ?assertEqual(undefined, ask(Node, whereis, [?SUP, o1])),
        says(File, run),
        eventually(fun() -> is_pid(ask(Node, whereis, [?SUP, o1])) end, 5000)
    end),
    says_once(Program, "start failed: no_device").

a_child_that_cannot_start_at_a_take_over_is_tried_again(Config) ->
    File = says(Config, run),
    {Left, Node, [Id | _]} = taken_over(Config, File, {stop, no_device}),
    eventually(fun() -> is_list(string:find(ring_cluster:status(Node), "start failed: no_device")) end, 5000),
    says_once(Left, "child " ++ atom_to_list(Id) ++ " of odd_children: start failed: no_device; trying again"),
    says(File, {throw, <<"burnt">>}),
    eventually(fun() -> is_list(string:find(ring_cluster:status(Node), "burnt")) end, 10000),
    says(File, run),
    eventually(fun() -> on_dev(Config, fun() -> is_pid(ask(Node, whereis, [?SUP, Id])) end) end, 15000).

a_child_that_is_ignored_at_a_take_over_is_kept_undefined(Config) ->
    File = says(Config, run),
    {_, Node, [Id | _]} = taken_over(Config, File, ignore),
    eventually(fun() -> on_dev(Config, fun() -> lists:keyfind(Id, 1, ask(Node, which_children, [?SUP])) end) end,
               {Id, undefined, worker, [odd_start]}, 10000).

%% Two members, children on both; then the file says How, and one member is killed. What is left, and the ids that were not there.
taken_over(Config, File, How) ->
    Specs = [odd(list_to_atom("o" ++ integer_to_list(N)), {file, File}) || N <- lists:seq(1, 8)],
    #{node := N1} = C1 = one_program(Specs, Config),
    #{node := N2} = C2 = program("cpp2", ["--join", atom_to_list(N1)], Specs, Config),
    eventually(fun() -> on_dev(Config, fun() -> lists:usort([node(Pid) || {_, Pid, _, _} <- ask(N1, which_children, [?SUP]), is_pid(Pid)]) end) end,
               [N1, N2], 15000),
    eventually(fun() -> on_dev(Config, fun() -> length([Pid || {_, Pid, _, _} <- ask(N1, which_children, [?SUP]), is_pid(Pid)]) end) end, 8, 15000),
    Moved = on_dev(Config, fun() -> [Id || {Id, Pid, _, _} <- ask(N1, which_children, [?SUP]), node(Pid) =:= N2] end),
    says(File, How),
    ring_cluster:kill(C2),
    {C1, N1, Moved}.

%% Code that does not return

a_stuck_child_is_dead_at_once_and_shown(Config) ->
    #{node := Node} = one_program([stubborn(s1, brutal_kill), stubborn(s2, 2000)], Config),
    File = stays(Config),
    on_dev(Config, fun() ->
        process_flag(trap_exit, true),
        Pid = ask(Node, whereis, [?SUP, s1]),
        Refs = [monitor(process, Pid), monitor(process, {s1, Node})],
        true = link(Pid),
        gen_server:call(Pid, get),
        get_stuck(Pid, File),
        Waiting = gen_server:send_request(Pid, get),
        ok = ask(Node, terminate_child, [?SUP, s1]),
        ?assertEqual([killed, killed], [receive {'DOWN', Ref, _, _, Why} -> Why after 30000 -> nothing end || Ref <- Refs]),
        ?assertEqual(killed, receive {'EXIT', Pid, Exit} -> Exit after 30000 -> nothing end),
        ?assertMatch({error, {killed, _}}, gen_server:receive_response(Waiting, 30000)),
        ?assertExit({noproc, _}, gen_server:call({s1, Node}, get)),
        %% On a machine with two processors both have the same thread.
        ?assertEqual(0, gen_server:call({s2, Node}, get, 30000))
    end),
    Status = ring_cluster:status(Node),
    ct:log("~ts", [Status]),
    {match, [Line]} = re:run(Status, "STUCK.*", [{capture, first, list}]),
    [?assertMatch({match, _}, re:run(Line, Part)) || Part <- ["stubborn", "s1", "killed"]],
    on_dev(Config, fun() ->
        Restarting = erpc:send_request(Node, supervisorring, restart_child, [?SUP, s1]),
        ?assertEqual(no_response, erpc:wait_response(Restarting, 300)),
        ok = file:delete(File),
        {ok, New} = erpc:receive_response(Restarting, 30000),
        ?assertEqual(0, gen_server:call(New, get))
    end),
    ?assertEqual(nomatch, string:find(ring_cluster:status(Node), "STUCK")).

a_stuck_child_is_killed_after_its_shutdown_time(Config) ->
    #{node := Node} = one_program([stubborn(s1, 500)], Config),
    File = stays(Config),
    on_dev(Config, fun() ->
        Ref = monitor(process, {s1, Node}),
        get_stuck({s1, Node}, File),
        {Micros, ok} = timer:tc(fun() -> ask(Node, terminate_child, [?SUP, s1]) end),
        ?assert(Micros >= 450000),
        ?assertEqual(killed, receive {'DOWN', Ref, _, _, Why} -> Why after 30000 -> nothing end)
    end),
    ?assertMatch({match, _}, re:run(ring_cluster:status(Node), "STUCK.*s1.*killed")),
    ok = file:delete(File),
    eventually(fun() -> string:find(ring_cluster:status(Node), "STUCK") end, nomatch, 10000).

%% exit(Pid, kill): the supervisor wants another one at once, which has the name of the stuck one's.
the_successor_of_a_stuck_child_waits_for_it(Config) ->
    #{node := Node} = one_program([stubborn(s1, 2000)], Config),
    File = stays(Config),
    on_dev(Config, fun() ->
        Pid = ask(Node, whereis, [?SUP, s1]),
        get_stuck(Pid, File),
        exit(Pid, kill),
        Restarting = [{s1, restarting, worker, [stubborn]}],
        eventually(fun() -> ask(Node, which_children, [?SUP]) end, Restarting, 10000),
        timer:sleep(300),
        ?assertEqual(Restarting, ask(Node, which_children, [?SUP])),
        ?assertExit({noproc, _}, gen_server:call({s1, Node}, get)),
        ok = file:delete(File),
        eventually(fun() -> gen_server:call({s1, Node}, get) end, 0, 10000),
        ?assertNotEqual(Pid, ask(Node, whereis, [?SUP, s1]))
    end).

%% While this file is there.
stays(Config) ->
    File = filename:join(proplists:get_value(priv_dir, Config), "stays"),
    _ = file:delete(File ++ ".begun"),
    ok = file:write_file(File, []),
    list_to_binary(File).

%% The child does not return from a callback, and has begun with it.
get_stuck(Child, File) ->
    gen_server:cast(Child, {stay, File}),
    eventually(fun() -> filelib:is_regular(<<File/binary, ".begun">>) end, 10000).

%% Helpers

%% What the children's file says from now on.
says(Config, How) when is_list(Config), is_tuple(hd(Config)) ->
    File = filename:join(proplists:get_value(priv_dir, Config), "how_to_start"),
    says(File, How),
    list_to_binary(File);
says(File, How) ->
    ok = file:write_file(File, io_lib:format("~0p", [How])).

says_once(Program, Line) ->
    ?assertMatch([_], binary:matches(ring_cluster:log(Program), list_to_binary(Line))).

on_dev(Config, Fun) ->
    in(proplists:get_value(dev, Config), Fun).

ask(Node, Function, Args) ->
    erpc:call(Node, supervisorring, Function, Args, 15000).
