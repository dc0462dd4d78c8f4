using System;
using Sos.RemoteConsole.Commands.Linux;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Commands.Actions;

/// <summary><c>sysrq</c>: has Linux do what a SysRq key does, while it lives.</summary>
internal readonly struct SysrqCommand : ICommand
{
    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "sysrq"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "KEY [--yes]"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "has Linux do what that SysRq key does, as kernel.sysrq allows; w: what waits, s: sync, h: the keys"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Text;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!TryReadOptions(run.Arguments, out byte key, out bool isSure))
        {
            return run.Fail("sysrq takes one key, as in 'sysrq w', and --yes"u8, CommandRun.Usage);
        }

        if (!ActionGate.IsGranted(ref run, ServiceAction.Sysrq, "sysrq"u8))
        {
            return CommandProgress.Done;
        }

        if (!ActionGate.IsMeant(ref run, isSure, "Linux does what that SysRq key does; some keys end processes, or Linux."u8, out CommandProgress progress))
        {
            return progress;
        }

        if (ActionGate.Begins(ref run, "console: sysrq asked for by "u8))
        {
            return ActionGate.AskLinux(ref run, ServiceAction.Sysrq, key);
        }

        return ActionGate.AwaitLinux(ref run, "Linux took it: its log ('dmesg') has what it says of it"u8);
    }

    private static bool TryReadOptions(ReadOnlySpan<byte> arguments, out byte key, out bool isSure)
    {
        key = 0;
        isSure = false;
        Words words = new(arguments);
        for (ReadOnlySpan<byte> word = words.Take(); !word.IsEmpty; word = words.Take())
        {
            if (ActionGate.IsYes(word))
            {
                isSure = true;
            }
            else if (key == 0 && word.Length == 1 && word[0] is > 0x20 and < 0x7f)
            {
                key = word[0];
            }
            else
            {
                return false;
            }
        }

        return key != 0;
    }
}
