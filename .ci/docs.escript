#!/usr/bin/env escript
%% Compile hook of rebar.config: documentation chunks (EEP 48) beside the compiled modules, where `h' of IEx and of the
%% Erlang shell looks for them. Also for those who have this application as a dependency. Nothing is done where edoc is
%% not installed; documentation that cannot be made is a line, not a failed build.
-mode(compile).

main([]) ->
    Sources = filelib:wildcard("erl/*.erl"),
    [make(filename:join(Dir, "doc"), Sources)
     || code:which(edoc) =/= non_existing, Dir <- targets(), filelib:is_dir(filename:join(Dir, "ebin"))].

%% Mix says where it wants the application; rebar3 says where it keeps dependencies and checkouts.
targets() ->
    case os:getenv("REBAR_BARE_COMPILER_OUTPUT_DIR") of
        false ->
            [filename:join(Dir, "supervisorring")
             || Name <- ["REBAR_DEPS_DIR", "REBAR_CHECKOUTS_OUT_DIR"], Dir <- [os:getenv(Name)], is_list(Dir)];
        Dir ->
            [Dir]
    end.

make(Dir, Sources) ->
    case [Source || Source <- Sources, filelib:last_modified(Source) > filelib:last_modified(chunk(Dir, Source))] of
        [] -> ok;
        Changed -> make_chunks(Dir, Changed)
    end.

chunk(Dir, Source) ->
    filename:join([Dir, "chunks", filename:basename(Source, ".erl") ++ ".chunk"]).

make_chunks(Dir, Sources) ->
    try
        edoc:files(Sources, [{dir, Dir}, {doclet, edoc_doclet_chunks}, {layout, edoc_layout_chunks}, {preprocess, true}])
    catch
        _:Reason -> io:format(standard_error, "supervisorring: no documentation: ~0tP~n", [Reason, 12])
    end.
