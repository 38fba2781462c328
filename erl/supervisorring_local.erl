%% <Sup>: the local supervisor, as others see it.
%%
%% Its mind is the program (supervisorring_process); it answers OTP's supervisor calls
%% through it. Beside that it is the parent of the keepers of its children, so that the
%% processes hang together as in any supervision tree, and stops its children by itself,
%% the newest first, when its own parent stops it or the lease ends: that must not need
%% the program.
-module(supervisorring_local).
-behaviour(supervisorring_process).

-include("supervisorring.hrl").

-export([start_link/1, stop_children/1]).
-export([init/2]).
-export([handle/2, finish/2, shown/1]).

-record(local, {sup :: supervisorring:sup(), parent :: pid()}).

%% Starts the process; called by the global supervisor.
-spec start_link(supervisorring:sup()) -> {ok, pid()} | {error, term()}.
start_link(Sup) ->
    proc_lib:start_link(?MODULE, init, [self(), Sup]).

%% Has the supervisor Sup end its children without the program, and waits for it.
-spec stop_children(supervisorring:sup()) -> ok.
stop_children(Sup) ->
    Monitor = erlang:monitor(process, Sup, [{alias, reply_demonitor}]),
    catch Sup ! {?ORDER, {stop_children, Monitor}},
    receive
        {Monitor, stopped} -> ok;
        {'DOWN', Monitor, process, _, _} -> ok
    end.

%% Runs in the supervisor's process.
-spec init(pid(), supervisorring:sup()) -> no_return().
init(Parent, Sup) ->
    process_flag(trap_exit, true),
    case take_name(Sup) of
        ok ->
            await_orphans(Sup),
            ok = proc_lib:init_ack({ok, self()}),
            supervisorring_process:enter(?MODULE, Parent, #local{sup = Sup, parent = Parent});
        {error, _} = Error ->
            proc_lib:init_ack(Error)
    end.

%% One whose global supervisor was killed may still be ending its children.
take_name(Sup) ->
    try register(Sup, self()) of
        true -> ok
    catch
        error:badarg ->
            Other = whereis(Sup),
            case supervisorring_estate:supervisor(Sup) of
                #{local := Other, global := Global} when is_pid(Other) ->
                    case is_process_alive(Global) of
                        true -> {error, {already_started, Other}};
                        false -> await_end(Other), take_name(Sup)
                    end;
                _ when Other =:= undefined ->
                    take_name(Sup);
                _ ->
                    {error, {already_started, Other}}
            end
    end.

await_end(Pid) ->
    Monitor = erlang:monitor(process, Pid),
    receive {'DOWN', Monitor, process, Pid, _} -> ok end.

%% The keepers of one that was killed end by themselves.
await_orphans(Sup) ->
    Monitors = [erlang:monitor(process, Keeper)
                || #child{keeper = Keeper} <- supervisorring_estate:children(Sup), is_pid(Keeper)],
    [receive {'DOWN', Monitor, process, _, _} -> ok end || Monitor <- Monitors],
    supervisorring_estate:forget_children(Sup).

-spec handle(Message :: term(), #local{}) -> #local{}.
handle({'EXIT', Parent, Reason}, #local{parent = Parent} = Local) ->
    finish(Reason, Local);
handle({'EXIT', From, Reason}, #local{sup = Sup} = Local) ->
    ended(Sup, From, Reason),
    Local;
handle({?ORDER, {ended, Reason}}, Local) ->
    finish(Reason, Local);
handle({?ORDER, {stop_children, Alias}}, #local{sup = Sup} = Local) ->
    end_children(Sup),
    Alias ! {Alias, stopped},
    Local;
handle({?ORDER, {start, Key}}, Local) ->
    start(Key),
    Local;
handle({?ORDER, _Late}, Local) ->
    Local;
handle(Message, Local) ->
    supervisorring_process:forward(Message),
    Local.

%% The row is gone when the children were stopped meanwhile.
start(Key) ->
    case supervisorring_estate:child(Key) of
        #child{kind = keeper, keeper = undefined} = Child ->
            begin_keeper(Key, supervisorring_keeper:start_link(Child, self()));
        #child{kind = proxy, keeper = undefined} = Child ->
            begin_keeper(Key, supervisorring_proxy:start_link(Child, self()));
        _ ->
            ok
    end.

begin_keeper(Key, Keeper) ->
    supervisorring_estate:update_child(Key, [{#child.keeper, Keeper}]),
    supervisorring_keeper:go(Keeper).

%% A keeper ends after its child did, having reported it. One that was killed took its
%% child with it.
ended(_Sup, _Keeper, normal) ->
    ok;
ended(Sup, From, Reason) ->
    case [Child || #child{keeper = Keeper} = Child <- supervisorring_estate:children(Sup),
                   Keeper =:= From] of
        [#child{key = Key, kind = keeper, state = running, pid = Pid}] ->
            supervisorring_estate:exited(Key, Reason),
            supervisorring_inbox:child_exited(Key, Pid);
        [#child{key = Key, kind = proxy}] ->
            supervisorring_estate:remove_child(Key),
            supervisorring_inbox:report({proxy_exit, From, From, Reason});
        [#child{key = Key, state = starting, generation = Generation, token = Token}] ->
            supervisorring_estate:failed(Key, Token, Reason),
            supervisorring_inbox:child_started(Key, Generation, Token, {error, Reason});
        [_Ended] ->
            ok;
        [] ->
            supervisorring_inbox:report({exit, self(), From, Reason})
    end.

-spec finish(Reason :: term(), #local{}) -> no_return().
finish(Reason, #local{sup = Sup}) ->
    end_children(Sup),
    exit(Reason).

%% One after the other, the newest first, as OTP's supervisor.
end_children(Sup) ->
    [end_child(Child) || Child <- lists:reverse(supervisorring_estate:children(Sup))],
    supervisorring_estate:forget_children(Sup).

end_child(#child{keeper = undefined}) ->
    ok;
end_child(#child{keeper = Keeper} = Child) ->
    Monitor = erlang:monitor(process, Keeper),
    supervisorring_keeper:stop(Keeper, Child),
    receive
        {'DOWN', Monitor, process, Keeper, _} -> ok
    after patience(Child) ->
        exit(Keeper, kill),
        receive {'DOWN', Monitor, process, Keeper, _} -> ok end
    end.

%% A keeper minds the time itself once its child runs.
patience(#child{kind = keeper, state = starting, spec = Spec}) ->
    case supervisorring_spec:shutdown(Spec) of
        brutal_kill -> 0;
        Shutdown -> Shutdown
    end;
patience(_Running) ->
    infinity.

%% The children that run here, oldest first.
-spec shown(#local{}) -> [{supervisorring:id(), pid()}].
shown(#local{sup = Sup}) ->
    [{Id, Pid} || #child{key = {_, Id}, state = running, pid = Pid} <- supervisorring_estate:children(Sup)].
