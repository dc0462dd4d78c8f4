using System;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.RemoteConsole.Commands;

/// <summary><c>service</c>: the service's counters.</summary>
internal readonly unsafe struct ServiceCommand : ICommand
{
    private const int NameWidth = 34;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "service"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "the service's counters that are not 0"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "COUNTER                             VALUE"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        StatisticsLayout* statistics = run.Context.Statistics;
        ulong count = statistics == null ? 0 : Math.Min(MemoryOrdering.LoadAcquire(ref statistics->Count), StatisticsLayout.Capacity);
        for (ulong index = run.State.Step; index < count; index++)
        {
            ulong value = ((ulong*)((byte*)statistics + StatisticsLayout.ValuesOffset))[index];
            if (value == 0)
            {
                continue;
            }

            ReadOnlySpan<byte> name = new((byte*)statistics + StatisticsLayout.NamesOffset + (index * StatisticsLayout.NameSize), StatisticsLayout.NameSize);
            int length = 0;
            while (length < name.Length && name[length] != 0)
            {
                length++;
            }

            RowWriter row = run.BeginRow();
            row.Text("counter"u8, name[..length], NameWidth);
            row.Number("value"u8, value);
            row.End();
            run.State.Step = index + 1;
            return CommandProgress.More;
        }

        return CommandProgress.Done;
    }
}
