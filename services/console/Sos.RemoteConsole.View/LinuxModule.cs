using System;

namespace Sos.RemoteConsole.View;

/// <summary>A module's memory: one piece for what stays and one for its beginning, or from 6.4 on one for each use.</summary>
public static class LinuxModule
{
    /// <summary>Pieces at most: MOD_MEM_NUM_TYPES is 7.</summary>
    private const ulong PiecesMax = 16;

    /// <summary>Returns whether an address lies in a module.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="module">Where its struct module is.</param>
    /// <param name="address">The address.</param>
    public static bool Holds(ref LinuxMemory memory, ulong module, ulong address)
    {
        if (!memory.Symbols.Has(LinuxField.ModuleMemory))
        {
            return Holds(ref memory, module, LinuxField.ModuleCoreBase, LinuxField.ModuleCoreSize, address)
                || Holds(ref memory, module, LinuxField.ModuleInitBase, LinuxField.ModuleInitSize, address);
        }

        ulong piece = module + memory.Value(LinuxField.ModuleMemory);
        ulong count = memory.Symbols.Has(LinuxField.ModuleMemoryCount) ? Math.Min(memory.Value(LinuxField.ModuleMemoryCount), PiecesMax) : 1;
        for (ulong i = 0; i < count; i++, piece += memory.Value(LinuxField.ModuleMemorySize))
        {
            if (Holds(ref memory, piece, LinuxField.ModuleMemoryBase, LinuxField.ModuleMemoryBytes, address))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Holds(ref LinuxMemory memory, ulong whole, LinuxField start, LinuxField size, ulong address)
        => memory.TryRead(whole, start, out ulong from) && memory.TryRead(whole, size, out uint count)
            && from != 0 && address >= from && address - from < count;
}
