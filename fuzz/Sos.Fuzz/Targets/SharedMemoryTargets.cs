using System;
using System.Collections.Generic;
using System.Text;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;

namespace Sos.Fuzz.Targets;

/// <summary>Readers of memory that another side writes. The input ends where nothing can be read.</summary>
internal static unsafe class SharedMemoryTargets
{
    [ThreadStatic]
    private static GuardedMemory? _memory;

    private static GuardedMemory Memory => _memory ??= new GuardedMemory(64 << 10);

    public static bool Settings(byte[] input)
    {
        Parameters parameters = new(Memory.Place(input), input.Length);
        string text = Encoding.Latin1.GetString(input).Split('\0')[0];
        bool found = false;
        foreach (string line in text.Split('\n'))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
            {
                continue;
            }

            byte[] name = Encoding.Latin1.GetBytes(line[..equals]);
            FuzzException.Require(parameters.TryFind(name, out ReadOnlySpan<byte> value), "every line is found by its name");
            FuzzException.Require(!value.Contains((byte)'\n') && !value.Contains((byte)0), "a value ends with its line");
            string digits = Encoding.Latin1.GetString(value);
            bool isNumber = digits.Length > 0 && digits.AsSpan().IndexOfAnyExceptInRange('0', '9') < 0 && ulong.TryParse(digits, out _);
            FuzzException.Require(parameters.TryGetUInt64(name, out ulong number) == isNumber, "a number is one of 64 bits");
            FuzzException.Require(!isNumber || number == ulong.Parse(digits, null), "a number is read as it stands");
            _ = parameters.TryGetBoolean(name, out _);
            found = true;
        }

        return found;
    }

    public static bool ReadLog(byte[] input)
    {
        LogReader reader = new(Memory.Place(input), (ulong)input.Length);
        IReadOnlyList<LogEntry> entries = reader.Read();
        FuzzException.Require(entries.Count <= input.Length / LogRecord.Size, "there are no more records than the ring has slots");
        FuzzException.Require(reader.Read().Count == 0, "a record is read once");
        return entries.Count > 0;
    }

    public static bool ReadStatistics(byte[] input)
    {
        try
        {
            IReadOnlyList<KeyValuePair<string, ulong>> counters = StatisticsReader.Read(Memory.Place(input), (ulong)input.Length);
            FuzzException.Require(counters.Count <= StatisticsLayout.Capacity, "the counters are bounded");
            return counters.Count > 0;
        }
        catch (ArgumentException) when (input.Length < StatisticsLayout.TotalSize)
        {
            return false;
        }
    }
}
