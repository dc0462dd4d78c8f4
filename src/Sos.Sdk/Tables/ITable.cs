namespace Sos.Sdk.Tables;

/// <summary>A view of a table: a struct that finds its parts in the table's bytes.</summary>
/// <typeparam name="TSelf">The view itself.</typeparam>
public unsafe interface ITable<TSelf>
    where TSelf : unmanaged, ITable<TSelf>
{
    /// <summary>The <see cref="Control.TableHeader.Kind"/> this reads.</summary>
    static abstract uint Kind { get; }

    /// <summary>The <see cref="Control.TableHeader.Version"/> this reads.</summary>
    static abstract uint Version { get; }

    /// <summary>
    /// Checks that every part lies within the table, in a time that does not grow with the table, and makes the view.
    /// </summary>
    /// <param name="bytes">The table with its header, which was checked already.</param>
    /// <param name="size">Bytes of the table.</param>
    /// <param name="table">The view.</param>
    /// <returns>Whether the table is valid.</returns>
    static abstract bool TryOpen(byte* bytes, ulong size, out TSelf table);
}
