defmodule UserApp.ChildrenFile do
  @moduledoc "Children remembered in a file that all nodes share."
  @behaviour :dyn_child_handler

  @impl true
  def match(id), do: id != :nobodys

  @impl true
  def get_all, do: read("children")

  @impl true
  def add(spec), do: write("children", [spec | get_all()])

  @impl true
  def del(id), do: write("children", List.keydelete(get_all(), id, 0))

  def read(name) do
    case File.read(path(name)) do
      {:ok, bytes} -> :erlang.binary_to_term(bytes)
      {:error, :enoent} -> []
    end
  end

  def write(name, specs), do: File.write(path(name), :erlang.term_to_binary(specs))

  defp path(name), do: Path.join(Application.fetch_env!(:user_app, :shared_dir), name)
end
