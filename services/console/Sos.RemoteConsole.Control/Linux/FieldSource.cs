using System;

namespace Sos.RemoteConsole.Control.Linux;

/// <summary>The kernel's descriptions of itself.</summary>
/// <param name="Types">Its types.</param>
/// <param name="Symbols">Its names.</param>
/// <param name="Information">Its notes; null where it keeps none.</param>
internal sealed record KernelDescription(BtfTypes Types, KernelSymbols Symbols, VmCoreInfo? Information)
{
    /// <summary>The address of a variable, by its name or by the kernel's notes.</summary>
    public ulong? FindVariable(string name) => Symbols.Find(name) ?? Information?.FindSymbol(name);
}

/// <summary>Where a value comes from: the first source that knows it counts, since kernels differ.</summary>
internal sealed class FieldSource
{
    private readonly Func<KernelDescription, long?> _find;

    private FieldSource(Func<KernelDescription, long?> find) => _find = find;

    /// <summary>A variable's address.</summary>
    public static FieldSource Variable(params string[] names) => new(kernel => First(names, name => (long?)kernel.FindVariable(name)));

    /// <summary>Bytes from a struct's start to a member: "struct:member.member", several for several kernels.</summary>
    public static FieldSource Member(params string[] paths) => new(kernel => First(paths, path => Find(kernel, path)?.ByteOffset));

    /// <summary>Bits from a struct's start to a member.</summary>
    public static FieldSource Bits(string path) => new(kernel => (long?)Find(kernel, path)?.BitOffset);

    /// <summary>A struct's bytes.</summary>
    public static FieldSource Size(string name) => new(kernel => kernel.Types.FindSize(name));

    /// <summary>Elements of an array that is a member.</summary>
    public static FieldSource Length(string path) => new(kernel => kernel.Types.FindLength(path.Split(':')[0], path.Split(':')[1]));

    /// <summary>A constant of an enum.</summary>
    public static FieldSource Constant(params string[] names) => new(kernel => First(names, kernel.Types.FindConstant));

    /// <summary>A number of the kernel's notes.</summary>
    public static FieldSource Number(string name, long? otherwise = null) => new(kernel => kernel.Information?.FindNumber(name) ?? otherwise);

    /// <summary>Another source where this one knows nothing.</summary>
    public FieldSource Or(long otherwise) => new(kernel => _find(kernel) ?? otherwise);

    /// <summary>Asks for the value.</summary>
    /// <returns>Null if this kernel has none.</returns>
    public long? Find(KernelDescription kernel) => _find(kernel);

    private static BtfMember? Find(KernelDescription kernel, string path)
        => kernel.Types.FindMember(path[..path.IndexOf(':', StringComparison.Ordinal)], path[(path.IndexOf(':', StringComparison.Ordinal) + 1)..]);

    private static long? First(string[] names, Func<string, long?> find)
    {
        foreach (string name in names)
        {
            if (find(name) is { } value)
            {
                return value;
            }
        }

        return null;
    }
}
