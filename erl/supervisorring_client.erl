%% Asks a member of the ring, for a BEAM that is none itself.
%%
%% The members are the application's environment `members', a list of node names; they are
%% tried in turn, the one that answered last first, each by erpc to its functions of the
%% same name in module `supervisorring'. A member that cannot be reached or does not run
%% the supervisor is passed over.
%%
%% A question (ask/2) also moves on when a member does not answer in time. A change
%% (change/2) does not once it may have been received: doing it twice is not the same as
%% doing it once, so then the caller is told.
%%
%% What the member raises is raised here, as if the call had been local. Otherwise the
%% call exits with {Reason, {supervisorring, Function, Args}}, where Reason is
%%   noproc                  no member that answered runs the supervisor
%%   {no_member, Tried}      no member answered; Tried is [{Node, Why}]
%%   {unknown_outcome, Node} a change was sent to Node, and no answer came
-module(supervisorring_client).

-export([ask/2, change/2, exec/5]).

-define(APP, supervisorring).
%% A question is answered from what the member knows, or from one round of its peers.
-define(ASK_TIMEOUT_MS, 5000).
%% The owner may take 10 s for the start of a child, and the handler's add/1 follows.
-define(CHANGE_TIMEOUT_MS, 15000).

-spec ask(Function :: atom(), Args :: [term()]) -> term().
ask(Function, Args) ->
    try_members(candidates(), ask, Function, Args, []).

-spec change(Function :: atom(), Args :: [term()]) -> term().
change(Function, Args) ->
    try_members(candidates(), change, Function, Args, []).

%% Has the owner of the child run Fun, as supervisorring:exec/5: on a BEAM only.
-spec exec(supervisorring:sup(), supervisorring:id(), fun(() -> term()), timeout(),
           Retries :: non_neg_integer()) -> term().
exec(_Sup, _Id, _Fun, _Timeout, 0) ->
    exit(ring_unable_to_exec_fun);
exec(Sup, Id, Fun, Timeout, Retries) ->
    try ask(find, [Sup, Id]) of
        Owner -> exec_at(Owner, Sup, Id, Fun, Timeout, Retries)
    catch
        exit:{{no_member_up, _Members} = Reason, {supervisorring, find, _}} -> {error, Reason}
    end.

exec_at(Owner, Sup, Id, Fun, Timeout, Retries) ->
    try
        erpc:call(Owner, supervisorring, exec, [Sup, Id, Fun, Timeout, 1], infinity)
    catch
        error:{exception, undef, [{supervisorring, exec, _, _} | _]} -> {error, {no_beam, Owner}};
        exit:{exception, ring_unable_to_exec_fun} -> exec(Sup, Id, Fun, Timeout, Retries - 1);
        exit:{exception, Reason} -> exit(Reason);
        error:{erpc, notsup} -> {error, {no_beam, Owner}};
        error:{erpc, noconnection} -> exec(Sup, Id, Fun, Timeout, Retries - 1)
    end.

try_members([], _Kind, Function, Args, Tried) ->
    Reason = case lists:keymember(noproc, 2, Tried) of
                 true -> noproc;
                 false -> {no_member, lists:reverse(Tried)}
             end,
    exit({Reason, {supervisorring, Function, Args}});
try_members([Member | Rest], Kind, Function, Args, Tried) ->
    case call(Member, Kind, Function, Args) of
        {answer, Answer} ->
            remember(Member),
            Answer;
        {next, Why} ->
            try_members(Rest, Kind, Function, Args, [{Member, Why} | Tried]);
        {unknown_outcome, _} = Reason ->
            exit({Reason, {supervisorring, Function, Args}})
    end.

call(Member, Kind, Function, Args) ->
    case net_kernel:connect_node(Member) of
        true -> call_connected(Member, Kind, Function, Args);
        false -> {next, nodedown};
        ignored -> {next, this_node_is_not_alive}
    end.

call_connected(Member, Kind, Function, Args) ->
    try erpc:call(Member, supervisorring, Function, Args, timeout_ms(Kind)) of
        Answer -> {answer, Answer}
    catch
        error:{erpc, Why} -> unanswered(Member, Kind, Why);
        exit:{exception, noproc} -> {next, noproc};
        exit:{exception, {noproc, _}} -> {next, noproc};
        %% No member (any more): its application has stopped, as that of a BEAM on its way down.
        exit:{exception, {{no_member, _}, {supervisorring, _, _}}} -> {next, no_member};
        exit:{exception, {{no_program, _}, {supervisorring, _, _}}} when Kind =:= ask -> {next, no_program};
        error:{exception, undef, [{supervisorring, Function, _, _} | _]} -> {next, undef};
        exit:{exception, Reason} -> exit(Reason);
        error:{exception, Reason, _Stack} -> error(Reason)
    end.

%% notsup: the member's connection does not know erpc, so nothing was sent.
unanswered(_Member, _Kind, notsup) -> {next, notsup};
unanswered(_Member, ask, noconnection) -> {next, nodedown};
unanswered(_Member, ask, Why) -> {next, Why};
unanswered(Member, change, _Why) -> {unknown_outcome, Member}.

timeout_ms(ask) -> ?ASK_TIMEOUT_MS;
timeout_ms(change) -> ?CHANGE_TIMEOUT_MS.

%% The member that answered last, then the others in the order configured. This node
%% itself is left out: it would only ask itself again.
candidates() ->
    Members = application:get_env(?APP, members, []) -- [node()],
    case application:get_env(?APP, last_member) of
        {ok, Last} ->
            case lists:member(Last, Members) of
                true -> [Last | lists:delete(Last, Members)];
                false -> Members
            end;
        undefined ->
            Members
    end.

remember(Member) ->
    case application:get_env(?APP, last_member) of
        {ok, Member} -> ok;
        _ -> application:set_env(?APP, last_member, Member)
    end.
