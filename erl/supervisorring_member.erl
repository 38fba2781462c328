%% The calls of module supervisorring on a member: what the program is asked, and what runs
%% in the caller's process, as in the original.
-module(supervisorring_member).

-include("supervisorring.hrl").

-export([request/2, exec/5, start_child/2, delete_child/2, whereis_child/2]).

%% Asks the program. Exits with noproc when the supervisor does not run here.
-spec request(Function :: atom(), Args :: [term()]) -> term().
request(Function, Args) when Function =:= plan; Function =:= drain ->
    supervisorring_inbox:request(Function, Args);
request(Function, [Sup | _] = Args) ->
    runs_here(Sup) orelse exit({noproc, {supervisorring, Function, Args}}),
    supervisorring_inbox:request(Function, Args);
request(Function, []) ->
    supervisorring_inbox:request(Function, []).

runs_here(Sup) ->
    is_atom(Sup) andalso whereis(Sup) =/= undefined.

%% Queued at the owner's child manager, behind what changes the owner's children; repeated
%% when no answer comes.
-spec exec(supervisorring:sup(), supervisorring:id(), fun(() -> term()), timeout(),
           Retries :: non_neg_integer()) -> term().
exec(Sup, Id, Fun, Timeout, Retries) ->
    runs_here(Sup) orelse exit({noproc, {supervisorring, exec, [Sup, Id, Fun, Timeout, Retries]}}),
    try_exec(supervisorring_global:manager_name(Sup), Id, Fun, Timeout, Retries).

try_exec(_Manager, _Id, _Fun, _Timeout, 0) ->
    exit(ring_unable_to_exec_fun);
try_exec(Manager, Id, Fun, Timeout, Retries) ->
    Ref = make_ref(),
    gen_server:cast(Manager, {onnode, Id, {self(), Ref}, Fun}),
    receive
        {Ref, executed, Result} -> Result
    after Timeout ->
        try_exec(Manager, Id, Fun, Timeout, Retries - 1)
    end.

%% The answer of the handler's add/1 takes the place of `ok' in {ok, Pid}.
-spec start_child(supervisorring:sup(), supervisorring:child_spec()) ->
          {ok, pid()} | {term(), pid()} | {error, term()}.
start_child(Sup, Spec) ->
    case request(start_child, [Sup, Spec]) of
        {ok, Pid} ->
            Id = supervisorring_spec:id(Spec),
            case handler(Sup, Id) of
                none -> {error, {cannot_match_handler, Id}};
                Handler -> {Handler:add(Spec), Pid}
            end;
        Other ->
            Other
    end.

%% The handler's del/1 has the last word.
-spec delete_child(supervisorring:sup(), supervisorring:id()) -> term().
delete_child(Sup, Id) ->
    case request(delete_child, [Sup, Id]) of
        ok ->
            case handler(Sup, Id) of
                none -> {error, {cannot_match_handler, Id}};
                Handler -> Handler:del(Id)
            end;
        Other ->
            Other
    end.

%% The first handler of the supervisor that matches the id.
handler(Sup, Id) ->
    first_match(supervisorring_estate:handlers(Sup), Sup, Id).

first_match([], _Sup, _Id) ->
    none;
first_match([Module | Rest], Sup, Id) ->
    case matches(Module, Sup, Id) of
        true -> Module;
        false -> first_match(Rest, Sup, Id)
    end.

%% A handler that cannot answer does not look after the id; that is worth a line.
matches(Module, Sup, Id) ->
    try Module:match(Id) of
        true -> true;
        false -> false;
        nil -> false;
        Other -> not_boolean(Module, Sup, Id, {answered, Other})
    catch
        Class:Reason -> not_boolean(Module, Sup, Id, {Class, Reason})
    end.

%% In Elixir all but false and nil is true.
not_boolean(Module, Sup, Id, What) ->
    logger:warning("supervisorring: ~tp:match(~tP), a handler of ~tp, should answer true or false: ~tP",
                   [Module, Id, 10, Sup, What, 10], #{domain => [supervisorring]}),
    element(1, What) =:= answered.

%% Of a child that runs here without asking anybody.
-spec whereis_child(supervisorring:sup(), supervisorring:id()) -> pid() | undefined.
whereis_child(Sup, Id) ->
    try supervisorring:find(Sup, Id) =:= node() andalso supervisorring_estate:child({Sup, Id}) of
        false -> request(whereis, [Sup, Id]);
        #child{state = running, pid = Pid} -> Pid;
        _ -> undefined
    catch
        exit:{{no_member_up, _Members}, {supervisorring, find, _}} -> undefined
    end.
