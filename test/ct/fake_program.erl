%% A program at the other end of the port that does what a case wants: what the real one
%% never does (another version, noise, silence), and just enough of a supervisor to show
%% what the application does for it.
%%
%% Its mind is a fun of one argument, the input, that answers the orders; see script/3.
-module(fake_program).

-export([script/3, main/0]).

%% Writes an executable file that is such a program; Mode is one of the clauses of run/2.
-spec script(file:filename(), Mode :: atom(), file:filename()) -> file:filename().
script(Dir, Mode, Ebin) ->
    File = filename:join(Dir, "fake_" ++ atom_to_list(Mode)),
    ok = file:write_file(File, ["#!/bin/sh\n", text(Mode, Ebin)]),
    ok = file:change_mode(File, 8#755),
    File.

text(crashing, _Ebin) ->
    %% One that does not even read may be seen to end as epipe.
    "head -c 4 > /dev/null; exit 3\n";
text(Mode, Ebin) ->
    %% Not by the script `erl': one that is killed in the middle of it leaves the script's own
    %% commands behind, which complain of a broken pipe.
    Root = code:root_dir(),
    Bin = filename:join([Root, "erts-" ++ erlang:system_info(version), "bin"]),
    ["export ROOTDIR='", Root, "' BINDIR='", Bin, "' EMU=beam PROGNAME=erl\n",
     "exec ", dying_with_parent(), "'", Bin, "/erlexec' +sbwt none -noshell -noinput -pa '", Ebin,
     "' -fake ", atom_to_list(Mode), " -s fake_program main\n"].

%% As the real program, it does not outlive its BEAM even when it is stopped.
dying_with_parent() ->
    case os:find_executable("setpriv") of
        false -> "";
        Setpriv -> ["'", Setpriv, "' --pdeathsig KILL "]
    end.

-spec main() -> no_return().
main() ->
    {ok, [[Mode]]} = init:get_argument(fake),
    {_, Monitor} = spawn_monitor(fun() ->
                       run(list_to_atom(Mode), open_port({fd, 0, 1}, [{packet, 4}, binary, eof]))
                   end),
    receive {'DOWN', Monitor, process, _, _Reason} -> erlang:halt(1, [{flush, false}]) end.

run(another_version, Port) ->
    _ = input(Port),
    orders(Port, [{attached, 2, <<"9.9.9">>, 0}]),
    input(Port),
    erlang:halt(0, [{flush, false}]);
run(noise, Port) ->
    _ = input(Port),
    port_command(Port, <<"this is no term">>),
    input(Port),
    erlang:halt(0, [{flush, false}]);
run(silent, Port) ->
    {attach, 1, _} = input(Port),
    orders(Port, [{attached, 1, <<"fake">>, 0}, {ready}]),
    receive {Port, eof} -> erlang:halt(0, [{flush, false}]) end;
run(refusing, Port) ->
    _ = input(Port),
    orders(Port, [{refused, <<"no time today">>}]),
    halt(1);
run(supervising, Port) ->
    {attach, 1, Attach} = input(Port),
    timer:send_interval(200, heartbeat),
    State = lists:foldl(fun adopt/2, #{token => maps:get(generation, Attach) bsl 32},
                        maps:get(supervisors, Attach)),
    orders(Port, [{attached, 1, <<"fake">>, 0}, {ready},
                  {log, notice, <<"a line of the program">>, #{where => fake}}]),
    Ended = [{child_exited, Sup, Pid, Reason} || #{name := Sup, children := Children} <- maps:get(supervisors, Attach),
                                                 #{pid := Pid, exited := Reason} <- Children],
    supervise(Port, lists:foldl(fun(Input, Acc) ->
                                    {Orders, Acc1} = handle(Input, Acc),
                                    orders(Port, Orders),
                                    Acc1
                                end, State, Ended)).

input(Port) ->
    receive
        {Port, {data, Frame}} -> binary_to_term(Frame);
        {Port, eof} -> erlang:halt(0, [{flush, false}])
    end.

orders(Port, Orders) ->
    port_command(Port, term_to_binary(Orders)).

%% A supervisor of permanent children that restarts for ever.

supervise(Port, State) ->
    receive
        heartbeat ->
            orders(Port, [{heartbeat}]),
            supervise(Port, State);
        {Port, eof} ->
            erlang:halt(0, [{flush, false}]);
        {Port, {data, Frame}} ->
            Inputs = case binary_to_term(Frame) of
                         List when is_list(List) -> List;
                         Input -> [Input]
                     end,
            {Orders, State1} = lists:mapfoldl(fun handle/2, State, Inputs),
            lists:append(Orders) =:= [] orelse orders(Port, lists:append(Orders)),
            supervise(Port, State1)
    end.

adopt(#{name := Sup, local := Local, manager := Manager, children := Children}, State) ->
    lists:foldl(fun(#{id := Id, spec := Spec, pid := Pid, request := Tag}, Acc) ->
                        Acc#{{Sup, Id} => {Spec, Pid}, {done, Tag} => Pid}
                end,
                State#{Local => Sup, Manager => Sup}, Children).

handle({supervisor, #{name := Sup, local := Local, specs := Specs}}, State) ->
    {Orders, State1} = start_all(Sup, [Spec || Spec <- Specs, tuple_size(Spec) =:= 6], State),
    {[{supervisor_up, Sup} | Orders], State1#{Local => Sup}};
handle({supervisor_restarted, Sup, Local, _Manager}, State) ->
    Specs = [Spec || {{S, _}, {Spec, _}} <- maps:to_list(State), S =:= Sup],
    {Orders, State1} = start_all(Sup, Specs, State),
    {Orders, State1#{Local => Sup}};
handle({child_started, Sup, Token, Result}, State) ->
    {{Id, From}, State1} = maps:take({token, Token}, State),
    Done = case Result of
               {ok, _} -> [];
               {ok, _, _} -> [];
               _ -> [{child_done, Sup, Token}]
           end,
    {Spec, _} = maps:get({Sup, Id}, State1),
    Pid = case Result of {ok, P} -> P; {ok, P, _} -> P; _ -> undefined end,
    {Done ++ answer(From, Result), State1#{{Sup, Id} => {Spec, Pid}}};
handle({child_exited, Sup, Pid, Reason}, State) ->
    [{{_, Id} = Key, {Spec, _}}] = [Entry || {_, {_, P}} = Entry <- maps:to_list(State), P =:= Pid],
    case maps:take({terminating, Pid}, State) of
        {From, State1} ->
            {[{child_done, Sup, Pid} | answer(From, ok)], State1#{Key := {Spec, undefined}}};
        error ->
            {Orders, State1} = start(Sup, Id, Spec, none, State),
            {[{child_done, Sup, Pid}, {log, notice, text({restarting, Id, Reason}), #{}} | Orders], State1}
    end;
handle({message, Relay, {'$gen_call', From, Request}}, State) ->
    call(maps:get(Relay, State, none), Request, From, State);
handle({request, ReqId, start_child, [Sup, Spec]}, State) ->
    start(Sup, element(1, Spec), Spec, {request, ReqId}, State);
handle({request, ReqId, Function, Args}, State) ->
    {[{answer, ReqId, {ok, {Function, Args}}}], State};
handle({leave, _Forget}, State) ->
    {[{halt, 0, <<"left">>}], State};
handle(_Other, State) ->
    {[], State}.

call(none, _Request, _From, State) ->
    {[], State};
call(_Sup, {exit, Status}, _From, _State) ->
    halt(Status);
call(_Sup, never, _From, State) ->
    {[], State};
call(Sup, {end_with, Reason}, _From, State) ->
    {[{supervisor_ended, Sup, Reason}], State};
call(Sup, which_children, From, State) ->
    Children = [{Id, Pid, element(5, Spec), element(6, Spec)}
                || {{S, Id}, {Spec, Pid}} <- maps:to_list(State), S =:= Sup],
    {answer(From, lists:sort(Children)), State};
call(Sup, {start_child, Spec}, From, State) ->
    start(Sup, element(1, Spec), Spec, From, State);
call(Sup, {terminate_child, Id, Reason}, From, State) ->
    {_, Pid} = maps:get({Sup, Id}, State),
    {[{exit_child, Sup, Pid, Reason}], State#{{terminating, Pid} => From}};
call(_Sup, Request, From, State) ->
    {answer(From, {unknown, Request}), State}.

start_all(Sup, Specs, State) ->
    lists:foldl(fun(Spec, {Orders, Acc}) ->
                    {More, Acc1} = start(Sup, element(1, Spec), Spec, none, Acc),
                    {Orders ++ More, Acc1}
                end, {[], State}, Specs).

start(Sup, Id, Spec, From, State) ->
    Tag = case From of
              {request, ReqId} -> ReqId;
              {_Pid, Ref} -> Ref;
              none -> none
          end,
    case State of
        #{{done, Tag} := Pid} when is_pid(Pid), Tag =/= none -> {answer(From, {ok, Pid}), State};
        #{} -> begin_start(Sup, Id, Spec, From, Tag, State)
    end.

begin_start(Sup, Id, Spec, From, Tag, #{token := Token} = State) ->
    {[{start_child, Sup, Token, Id, Spec, Tag, Token}],
     State#{token := Token + 1, {token, Token} => {Id, From}, {Sup, Id} => {Spec, undefined}}}.

answer(none, _Answer) -> [];
answer({request, ReqId}, Answer) -> [{answer, ReqId, {ok, Answer}}];
answer({Pid, [alias | Alias] = Tag}, Answer) when is_pid(Pid) -> [{send, Alias, {Tag, Answer}}];
answer({Pid, Tag}, Answer) -> [{send, Pid, {Tag, Answer}}].

text(Term) ->
    unicode:characters_to_binary(io_lib:format("~tp", [Term])).
