using System;
using System.IO;

namespace Sos.Noise.Report;

/// <summary>MSR_SMI_COUNT (SDM vol. 4, 34h): how often the firmware interrupted the machine, where a CPU counts it.</summary>
public static class SmiCount
{
    private const long Register = 0x34;

    /// <summary>Reads it on a cpu that Linux has.</summary>
    /// <returns>Null where the CPU has no such register, or the module msr is not loaded.</returns>
    public static uint? TryRead(int cpu)
    {
        try
        {
            using FileStream file = new($"/dev/cpu/{cpu}/msr", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            file.Position = Register;
            Span<byte> value = stackalloc byte[8];
            return file.Read(value) == value.Length ? BitConverter.ToUInt32(value) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
