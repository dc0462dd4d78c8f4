using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Sos.Cores.Running;

/// <summary>SIGINT and SIGTERM as a wish to end, which whoever works can follow in his own time, in place of the process's sudden end.</summary>
public sealed class EndSignals : IDisposable
{
    private readonly CancellationTokenSource _wish = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;

    /// <summary>Takes the signals until it is disposed of.</summary>
    public EndSignals()
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Take);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Take);
    }

    /// <summary>Cancelled by the first of them.</summary>
    public CancellationToken Token => _wish.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        _wish.Dispose();
    }

    private void Take(PosixSignalContext context)
    {
        context.Cancel = true;
        _wish.Cancel();
    }
}
