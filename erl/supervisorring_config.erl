%% The application's environment.
%%
%%   program    true: the program of this application; a path: that one; false: none.
%%              Not set: none where `members' are configured, else true
%%   members    the nodes that a client asks
%%   data_dir   where the ring file is kept; else nano_ring's data_dir, else "./data",
%%              which is nano_ring's default
%%   join       members to join the ring by
%%   workers    shared objects with children in C++
%%   log_level  from which level on the program's lines are logged
%%   migrate_timeout_ms  how long the migrate/3 of a child that moves may take
%%   leave_timeout_ms  how long handing children over may take when this member leaves
%%   forget_names_after_days  names that are no members and were not used for so long are
%%              forgotten while all members are ours; 0: never
%%   max_concurrent_starts  how many children of one supervisor may be starting at once
%%   partitions  keep_all or quorum: what a partition does, the same on every member
%%   lease_ms   how long children run on without a program
-module(supervisorring_config).

-export([role/0, program/0, program_args/0, data_dir/0, join/0, lease_ms/0, leave_timeout_ms/0, has_quorum/0]).

-define(APP, supervisorring).

%% A member has a program beside it; a client asks configured members.
-spec role() -> member | client.
role() ->
    case {application:get_env(?APP, program), application:get_env(?APP, members, [])} of
        {{ok, false}, _} -> client;
        {{ok, _}, _} -> member;
        {undefined, []} -> member;
        {undefined, _} -> client
    end.

%% The program's file.
-spec program() -> file:filename_all().
program() ->
    case application:get_env(?APP, program, true) of
        true -> filename:join(priv_dir(), "ringnode");
        Path -> filename:absname(Path)
    end.

%% What the program is started with; the rest it is told when it attaches.
-spec program_args() -> [string() | binary()].
program_args() ->
    Workers = [["--workers", Path] || Path <- application:get_env(?APP, workers, [])],
    Level = application:get_env(?APP, log_level, info),
    Migrate = application:get_env(?APP, migrate_timeout_ms, 10000),
    Starts = application:get_env(?APP, max_concurrent_starts, 256),
    Partitions = case has_quorum() of
                     true -> ["--partitions", "quorum"];
                     false -> []
                 end,
    ["port" | lists:append(Workers)] ++ Partitions
        ++ ["--migrate-timeout", integer_to_list(Migrate) ++ "ms", "--leave-timeout", integer_to_list(leave_timeout_ms()) ++ "ms",
            "--forget-names-after", integer_to_list(application:get_env(?APP, forget_names_after_days, 30)) ++ "d",
            "--max-concurrent-starts", integer_to_list(Starts),
            "--log-level", atom_to_list(Level)].

%% Whether a minority stands down in a partition.
-spec has_quorum() -> boolean().
has_quorum() ->
    case application:get_env(?APP, partitions, keep_all) of
        quorum -> true;
        keep_all -> false
    end.

%% The folder of the ring file, relative to the BEAM's working directory.
-spec data_dir() -> binary().
data_dir() ->
    Dir = case application:get_env(?APP, data_dir) of
              {ok, Own} -> Own;
              undefined -> data_dir_of_nano_ring()
          end,
    unicode:characters_to_binary(Dir).

%% There is no application nano_ring any more. What a release's configuration says for it is to
%% be had only once an application of that name is loaded.
data_dir_of_nano_ring() ->
    case application:get_env(nano_ring, data_dir) of
        {ok, Dir} ->
            Dir;
        undefined ->
            _ = application:load({application, nano_ring, [{vsn, "0"}, {applications, [kernel, stdlib]}]}),
            application:get_env(nano_ring, data_dir, "./data")
    end.

%% Members to join the ring by.
-spec join() -> [node()].
join() ->
    application:get_env(?APP, join, []).

%% How long children run on without a program.
-spec lease_ms() -> non_neg_integer().
lease_ms() ->
    application:get_env(?APP, lease_ms, 5000).

%% How long handing children over may take when this member leaves.
-spec leave_timeout_ms() -> non_neg_integer().
leave_timeout_ms() ->
    application:get_env(?APP, leave_timeout_ms, 30000).

%% Beside the folder of this module's code; code:priv_dir/1 goes by the folder's name only.
priv_dir() ->
    case code:priv_dir(?APP) of
        {error, bad_name} ->
            filename:join(filename:dirname(filename:dirname(code:which(?MODULE))), "priv");
        Dir ->
            Dir
    end.
