%% Strategies, restart types, exit reasons and auto_shutdown, against OTP's own supervisor.
%%
%% Each row of the table is a life: the flags of a supervisor, its children, and what is done to them. It is lived with OTP's supervisor
%% first and then with ours, its children on the BEAM and in C++, and must be the same: which children started and ended, in which order and with which
%% reason, what each request answered, what which_children, count_children and get_childspec said after each step, whether the
%% supervisor lived, and in which order its children ended with it.
-module(strategy_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1]).
-export([restart_types_and_reasons/1, significant_children/1, groups_restart/1, starts_that_fail/1,
         requests_answer_as_otp/1, init_is_refused_as_by_otp/1, auto_shutdown_ends_the_supervisor/1,
         a_successor_finishes_a_group_restart/1]).

-import(ring_cluster, [in/2, eventually/2]).

-define(SUP, 'Elixir.StrategySup').
-define(REASONS, [normal, shutdown, {shutdown, done}, boom, kill]).
-define(STRATEGIES, [one_for_one, one_for_all, rest_for_one]).
-define(WAIT_MS, 10000).

suite() ->
    [{timetrap, {seconds, 120}}].

all() ->
    [restart_types_and_reasons, significant_children, groups_restart, starts_that_fail, requests_answer_as_otp,
     init_is_refused_as_by_otp, auto_shutdown_ends_the_supervisor, a_successor_finishes_a_group_restart].

init_per_suite(Config) ->
    Dir = proplists:get_value(priv_dir, Config),
    ring_cluster:start(Dir),
    Beam = ring_cluster:start_beam("strategies"),
    Env = #{program => ring_cluster:executable(), data_dir => ring_cluster:data_dir("strategies"),
            workers => [ring_cluster:odd_workers()]},
    {ok, _} = in(Beam, fun() ->
        ok = logger:set_primary_config(level, none),
        _ = application:load(supervisorring),
        [application:set_env(supervisorring, Key, Value) || {Key, Value} <- maps:to_list(Env)],
        application:ensure_all_started(supervisorring)
    end),
    [{beam, Beam}, {file, filename:join(Dir, "do_not_start")} | Config].

end_per_suite(_Config) ->
    ring_cluster:stop().

%% The table

restart_types_and_reasons(Config) ->
    compare(Config, [row({Strategy, 1, 5}, [{a, permanent}, {x, Restart}, {c, transient}, {t, temporary}], [{stop, x, Reason}])
                     || Strategy <- ?STRATEGIES, Restart <- [permanent, transient, temporary], Reason <- ?REASONS]).

significant_children(Config) ->
    compare(Config, [row(#{strategy => Strategy, intensity => 1, period => 5, auto_shutdown => Auto},
                         [{a, permanent}, {x, Restart, #{significant => true}}, {s, transient, #{significant => true}}, {t, temporary}],
                         [{stop, t, normal}, {stop, x, Reason}, {stop, s, normal}])
                     || Strategy <- [one_for_one, one_for_all], Auto <- [any_significant, all_significant],
                        Restart <- [transient, temporary], Reason <- ?REASONS]).

groups_restart(Config) ->
    Children = [{a, permanent}, {b, transient}, {x, permanent}, {c, permanent, #{shutdown => brutal_kill}}, {d, temporary}, {e, transient}],
    compare(Config, [row({Strategy, Intensity, 5}, Children, Actions)
                     || Strategy <- ?STRATEGIES,
                        {Intensity, Actions} <- [{0, [{stop, x, boom}]},
                                                 {1, [{stop, x, boom}, {stop, x, boom}]},
                                                 {5, [{call, terminate_child, [e]}, {stop, x, boom}]},
                                                 {5, [{call, terminate_child, [a]}, {call, restart_child, [a]}, {stop, x, boom}, {stop, b, boom}]},
                                                 {5, [{stop, e, normal}, {stop, a, kill}, {stop, c, {shutdown, why}}]},
                                                 {5, [{call, terminate_child, [x]}, {call, delete_child, [x]}, {stop, c, boom}]}]]).

starts_that_fail(Config) ->
    Failing = #{option => file},
    compare(Config, [row({Strategy, 2, 5}, Children, [fail, {stop, x, boom}])
                     || Strategy <- ?STRATEGIES,
                        Children <- [[{a, permanent}, {x, permanent, Failing}, {c, permanent}],
                                     [{a, permanent}, {x, permanent}, {c, permanent, Failing}],
                                     [{a, permanent, Failing}, {x, permanent}, {c, permanent}]]]).

requests_answer_as_otp(Config) ->
    Significant = #{id => q, start => {m, f, []}, significant => true},
    compare(Config, [row({Strategy, 5, 5}, [{a, permanent}, {b, temporary}, {c, transient}],
                         [{call, Function, [Id]} || Id <- [nobody, a, b, c],
                                                    Function <- [restart_child, delete_child, get_childspec, terminate_child, terminate_child,
                                                                 get_childspec, restart_child, restart_child, terminate_child, delete_child,
                                                                 delete_child]]
                         ++ [{start, {a, permanent}}, {start, {a, permanent}}, {call, terminate_child, [a]}, {start, {a, permanent}},
                             {call, start_child, [Significant]}, {call, start_child, [Significant#{restart => transient}]},
                             {call, start_child, [#{id => q}]}, {call, start_child, [{q, {m, f, []}, now_and_then, 5, worker, []}]},
                             fail, {start, {f, permanent, #{option => file}}}])
                     || Strategy <- ?STRATEGIES]).

%% simple_one_for_one apart, whose children could not be placed.
init_is_refused_as_by_otp(Config) ->
    Inits = [{ok, {Flags, []}} || Flags <- [{one_for_two, 1, 5}, {one_for_all, -1, 5}, {rest_for_one, 1, 0}, {one_for_one, a, 5}, {one_for_one, 1},
                                            #{strategy => one_for_two}, #{intensity => -1}, #{period => 0}, #{auto_shutdown => now},
                                            #{auto_shutdown => all_significant, strategy => any}, one_for_one]]
        ++ [{ok, {#{auto_shutdown => Auto}, [#{id => a, start => {m, f, []}, restart => Restart, significant => Significant}]}}
            || {Auto, Restart, Significant} <- [{never, transient, true}, {any_significant, permanent, true}, {all_significant, transient, yes}]]
        ++ [nonsense, {ok, nonsense}, ignore],
    on(Config, fun() ->
        process_flag(trap_exit, true),
        [?assertEqual({Init, supervisor:start_link(strategy_child, Init)},
                      {Init, supervisorring:start_link({local, ?SUP}, strategy_child, Init)}) || Init <- Inits],
        [?assertEqual({error, {supervisor_data, {invalid_strategy, simple_one_for_one}}},
                      supervisorring:start_link({local, ?SUP}, strategy_child, {ok, {Flags, []}}))
         || Flags <- [{simple_one_for_one, 1, 5}, #{strategy => simple_one_for_one}]]
    end).

%% What start_link gave ends too, with `shutdown', as OTP's supervisor does; by intensity it restarts the local one.
auto_shutdown_ends_the_supervisor(Config) ->
    on(Config, fun() ->
        process_flag(trap_exit, true),
        {Top, Sup} = start_supervisor(beam, #{auto_shutdown => any_significant}),
        {ok, Pid} = supervisor:start_child(Sup, spec(beam, {x, transient, #{significant => true}}, none)),
        gen_server:call(Pid, {stop, normal}),
        receive {'EXIT', Top, Reason} -> ?assertEqual(shutdown, Reason) after ?WAIT_MS -> error(still_there) end,
        ?assertEqual(undefined, whereis(?SUP)),
        %% Its parent may start it again.
        {Again, _} = start_supervisor(beam, #{}),
        stop_top(Again)
    end).

%% The program is killed when c is ending for a restart of all; b and a have not been told to.
a_successor_finishes_a_group_restart(Config) ->
    on(Config, fun() ->
        process_flag(trap_exit, true),
        {Top, Sup} = start_supervisor(beam, {one_for_all, 1, 60}),
        Pids = [begin
                    {ok, Pid} = supervisor:start_child(Sup, spec(beam, Child, none)),
                    Pid
                end || Child <- [{a, permanent}, {b, permanent}, {x, permanent}, {c, permanent, #{option => gated}}]],
        gen_server:call(lists:nth(3, Pids), {stop, boom}),
        Gate = receive {saw, {ending, c, Ending}} -> Ending after ?WAIT_MS -> error(not_told_to_end) end,
        Before = ring_cluster:program_pid(),
        "" = os:cmd("kill -KILL " ++ Before),
        eventually(fun() -> ring_cluster:program_pid() =/= Before andalso ring_cluster:is_ready() end, ?WAIT_MS),
        Gate ! go,
        eventually(fun() -> [Id || {Id, Pid, _, _} <- supervisor:which_children(Sup), is_pid(Pid), not lists:member(Pid, Pids)] =:= [c, x, b, a] end,
                   ?WAIT_MS),
        ?assertEqual([{started, a}, {started, b}, {started, x}, {started, c}, {ended, x, boom},
                      {ended, c, shutdown}, {ended, b, shutdown}, {ended, a, shutdown},
                      {started, a}, {started, b}, {started, x}, {started, c}], events([])),
        %% The restart counts: one more is one too many.
        gen_server:call(whereis(a), {stop, boom}),
        receive {saw, {ending, c, Last}} -> Last ! go after ?WAIT_MS -> error(not_told_to_end) end,
        eventually(fun() -> not is_process_alive(Sup) end, ?WAIT_MS),
        stop_top(Top)
    end).

%% Living a row

row(Flags, Children, Actions) ->
    #{flags => Flags, children => Children, actions => Actions}.

compare(Config, Rows) ->
    File = proplists:get_value(file, Config),
    Count = on(Config, fun() ->
        process_flag(trap_exit, true),
        [begin
             Expected = live(otp, Row, File, none),
             [same(Row, Kind, Expected, live(Kind, Row, File, Expected)) || Kind <- [beam, native]]
         end || Row <- Rows],
        length(Rows)
    end),
    ct:log("~p lives are OTP's", [Count]).

%% Says the first step that differs.
same(Row, Kind, [Otp | Rest], [Otp | Ours]) -> same(Row, Kind, Rest, Ours);
same(_Row, _Kind, [], []) -> ok;
same(Row, Kind, [Otp | _], [Ours | _]) -> ?assertEqual({Row, Kind, Otp}, {Row, Kind, Ours});
same(Row, Kind, Otp, Ours) -> ?assertEqual({Row, Kind, Otp}, {Row, Kind, Ours}).

%% {Action, Result, Events, Look} of each step, the last of which is the supervisor's stop.
live(Kind, #{flags := Flags, children := Children, actions := Actions}, File, Expected) ->
    _ = file:delete(File),
    {Top, Sup} = start_supervisor(Kind, Flags),
    Monitor = monitor(process, Sup),
    All = [{start, Child} || Child <- Children] ++ Actions ++ [no_fail, {start, {z, permanent}}, stop_supervisor],
    Steps = steps(All, #{kind => Kind, top => Top, sup => Sup, monitor => Monitor, file => File,
                         ids => [element(1, Child) || Child <- Children] ++ [z]}, [], Expected),
    stop_top(Top),
    [] = events([]),
    Steps.

steps([], _Life, _Events, _Expected) ->
    [];
steps([Action | Rest], Life, Before, Expected) ->
    Awaited = case Expected of none -> none; [Next | _] -> Next end,
    Old = old(Action, Life),
    Result = normal_form(act(Action, Life)),
    Step = {_, _, Events, Look} = settled(Action, Result, Old, Before, Life, Awaited, deadline()),
    case Look of
        {ended, _} -> [Step];
        _ -> [Step | steps(Rest, Life, Events, case Expected of none -> none; _ -> tl(Expected ++ [none]) end)]
    end.

act({start, Child}, #{kind := Kind, sup := Sup, file := File}) ->
    supervisor:start_child(Sup, spec(Kind, Child, File));
act({call, Function, Args}, #{sup := Sup}) ->
    apply(supervisor, Function, [Sup | Args]);
act({stop, Id, kill}, _Life) ->
    exit(whereis(Id), kill);
act({stop, Id, Reason}, _Life) ->
    gen_server:call(Id, {stop, Reason});
act(fail, #{file := File}) ->
    file:write_file(File, "");
act(no_fail, #{file := File}) ->
    _ = file:delete(File),
    ok;
act(stop_supervisor, #{top := Top}) ->
    exit(Top, shutdown).

old({stop, Id, _Reason}, _Life) -> whereis(Id);
old(stop_supervisor, _Life) -> supervisor;
old(_Action, _Life) -> none.

%% OTP's supervisor has dealt with the end of a child when it says so; ours has when all is as with OTP's.
settled(Action, Result, Old, Before, Life, Awaited, Deadline) ->
    Look = look(Life),
    Step = {Action, Result, events(Before), Look},
    Settled = case Awaited of
                  none -> is_settled(Old, Action, Look);
                  _ -> normal_form(Step) =:= Awaited
              end,
    case Settled orelse erlang:monotonic_time(millisecond) > Deadline of
        true ->
            normal_form(Step);
        false ->
            timer:sleep(2),
            {_, _, Events, _} = Step,
            settled(Action, Result, Old, Events, Life, Awaited, Deadline)
    end.

is_settled(_Old, _Action, {ended, _}) -> true;
is_settled(supervisor, _Action, _Look) -> false;
is_settled(none, _Action, _Look) -> true;
is_settled(Old, {stop, Id, _}, #{children := Children}) ->
    not lists:keymember(restarting, 2, Children) andalso not lists:member({Id, Old}, [{I, P} || {I, P, _, _} <- Children]);
is_settled(_Old, _Action, _Between) -> false.

look(#{sup := Sup, monitor := Monitor, ids := Ids}) ->
    case get(ended) of
        {Monitor, Reason} ->
            {ended, Reason};
        _ ->
            receive
                {'DOWN', Monitor, process, Sup, Reason} ->
                    put(ended, {Monitor, Reason}),
                    {ended, Reason}
            after 0 ->
                try #{children => supervisor:which_children(Sup), counts => supervisor:count_children(Sup),
                      specs => [supervisor:get_childspec(Sup, Id) || Id <- Ids]}
                catch exit:_ -> ending
                end
            end
    end.

events(Before) ->
    receive {saw, Event} -> events(Before ++ [Event])
    after 0 -> Before
    end.

deadline() ->
    erlang:monotonic_time(millisecond) + ?WAIT_MS.

start_supervisor(otp, Flags) ->
    {ok, Sup} = supervisor:start_link(strategy_child, {ok, {Flags, []}}),
    {Sup, Sup};
start_supervisor(_Ours, Flags) ->
    {ok, Top} = supervisorring:start_link({local, ?SUP}, strategy_child, {ok, {Flags, []}}),
    {Top, whereis(?SUP)}.

stop_top(Top) ->
    Monitor = monitor(process, Top),
    exit(Top, shutdown),
    receive {'DOWN', Monitor, process, Top, _} -> ok after ?WAIT_MS -> error({does_not_end, Top}) end.

spec(Kind, {Id, Restart}, File) ->
    spec(Kind, {Id, Restart, #{}}, File);
spec(Kind, {Id, Restart, Options}, File) ->
    Module = case Kind of native -> strategy_native; _ -> strategy_child end,
    Argument = case Options of
                   #{option := file} -> {child, Id, self(), {file, unicode:characters_to_binary(File)}};
                   #{option := Option} -> {child, Id, self(), Option};
                   #{} -> {child, Id, self()}
               end,
    maps:merge(#{id => Id, restart => Restart, start => {gen_server, start_link, [{local, Id}, Module, Argument, []]},
                 modules => [Module], shutdown => 60000},
               maps:with([significant, shutdown], Options)).

%% Pids differ from life to life, and the class from the module.
normal_form(Pid) when is_pid(Pid) -> pid;
normal_form(strategy_native) -> strategy_child;
normal_form([Head | Tail]) -> [normal_form(Head) | normal_form(Tail)];
normal_form(Tuple) when is_tuple(Tuple) -> list_to_tuple(normal_form(tuple_to_list(Tuple)));
normal_form(#{} = Map) -> maps:map(fun(_Key, Value) -> normal_form(Value) end, Map);
normal_form(Other) -> Other.

on(Config, Fun) ->
    ring_cluster:in(proplists:get_value(beam, Config), Fun, 100000).
