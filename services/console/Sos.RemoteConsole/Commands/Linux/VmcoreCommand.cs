using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>vmcore</c>: the machine's memory as an ELF core file.</summary>
internal readonly struct VmcoreCommand : ICommand
{
    private const int Begun = 0;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "vmcore"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "[--from BYTE]"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "the machine's memory as a core file, for makedumpfile, crash and drgn: ssh HOST vmcore > FILE"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Text;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!TryReadOptions(run.Arguments, out ulong from))
        {
            return run.Fail("vmcore takes --from with a number of bytes, to go on with a transfer that broke off"u8, CommandRun.Usage);
        }

        if (!run.Output.IsPlain)
        {
            return run.Fail("a core file is not for a terminal: 'ssh HOST vmcore > FILE'"u8, CommandRun.Usage);
        }

        if (!LinuxView.IsOpen(ref run, LinuxField.CoreNotes, LinuxField.CoreNotesSize))
        {
            return CommandProgress.Done;
        }

        ref LinuxMemory linux = ref run.Context.Linux;
        if (!CoreFile.TryCreate(ref linux, run.Context.Panic, out CoreFile file))
        {
            return run.Fail("the kernel's notes (VMCOREINFO) cannot be read"u8);
        }

        if (run.State.Kept[Begun] == 0)
        {
            if (from > file.Size)
            {
                return run.Fail("the file has fewer bytes than these"u8, CommandRun.Usage);
            }

            run.State.Kept[Begun] = 1;
            run.State.Step = from;
        }

        Span<byte> space = stackalloc byte[CommandRun.StepSizeMax];
        int count = file.Read(ref linux, run.State.Step, space);
        run.Output.Write(space[..count]);
        run.State.Step += (ulong)count;
        return run.State.Step >= file.Size ? CommandProgress.Done : CommandProgress.More;
    }

    private static bool TryReadOptions(ReadOnlySpan<byte> arguments, out ulong from)
    {
        from = 0;
        Words words = new(arguments);
        ReadOnlySpan<byte> option = words.Take();
        return option.IsEmpty || (option.SequenceEqual("--from"u8) && Words.TryReadNumber(words.Take(), out from) && words.Take().IsEmpty);
    }
}
