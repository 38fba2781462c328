defmodule UserSup do
  @moduledoc "A supervisor of six counters that C++ nodes run, and of those that are added."
  @behaviour :supervisorring
  @behaviour :dyn_child_handler

  @counters [:u1, :u2, :u3, :u4, :u5, :u6]

  def counters, do: @counters

  @doc "On a BEAM this spec starts a GenServer `Counter`; on a C++ node the class of that name."
  def counter(id) do
    {id, {:gen_server, :start_link, [{:local, id}, Counter, [], []]}, :permanent, 2000, :worker,
     [Counter]}
  end

  @impl :supervisorring
  def init(_arg) do
    children = Enum.map(@counters, &counter/1) ++ [{:dyn_child_handler, __MODULE__}]
    {:ok, {{:one_for_one, 20, 5}, children}}
  end

  @impl :dyn_child_handler
  def match(id), do: is_atom(id)

  @impl :dyn_child_handler
  def get_all, do: :persistent_term.get(__MODULE__, [])

  @impl :dyn_child_handler
  def add(spec),
    do: :persistent_term.put(__MODULE__, List.keystore(get_all(), elem(spec, 0), 0, spec))

  @impl :dyn_child_handler
  def del(id), do: :persistent_term.put(__MODULE__, List.keydelete(get_all(), id, 0))
end
