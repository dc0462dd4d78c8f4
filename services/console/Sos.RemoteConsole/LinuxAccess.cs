using Sos.RemoteConsole.View;
using Sos.Sdk.Control;
using Sos.Sdk.Services;

namespace Sos.RemoteConsole;

/// <summary>Opens the view of Linux, where the operator granted one.</summary>
internal static unsafe class LinuxAccess
{
    /// <summary>Opens it; the log says so.</summary>
    /// <returns>A reader that is not there if nothing was granted, or what tells of Linux's memory is of another version.</returns>
    public static LinuxMemory Open(ref ServiceSetup setup)
    {
        if (!setup.TryFindResource(ResourceKind.LinuxMemory, 0, out Resource memory) || memory.Aux == 0
            || !setup.TryFindResource(ResourceKind.LinuxSymbols, 0, out Resource blob))
        {
            return default;
        }

        if (!LinuxSymbols.TryCreate((byte*)blob.Address, blob.ByteCount, out LinuxSymbols symbols))
        {
            setup.Log.Write(LogSeverity.Error, "console: the symbols of Linux are of another version: build image and sosctl of the same"u8);
            return default;
        }

        LinuxMemory linux = new((byte*)memory.Address, (LinuxRange*)memory.Aux, symbols);
        setup.Log.Write(LogSeverity.Notice, "console: reads Linux's memory, ranges: "u8, (ulong)linux.Ranges.Length);
        return linux;
    }

    /// <summary>Opens the record of a panic.</summary>
    /// <param name="setup">The service's setup.</param>
    /// <param name="linux">Linux's memory.</param>
    /// <returns>A record that is not there without a view of Linux.</returns>
    public static LinuxPanic OpenPanic(ref ServiceSetup setup, ref LinuxMemory linux)
        => linux.IsThere && setup.TryFindResource(ResourceKind.LinuxMemory, 0, out Resource memory)
            && setup.TryFindResource(ResourceKind.LinuxPanic, 0, out Resource record) && record.Address >= memory.Address
                ? LinuxPanic.Open(ref linux, record.Address - memory.Address)
                : default;
}
