using System;
using Sos.Net;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Services;

namespace Sos.RemoteConsole;

/// <summary>
/// A reset of the machine that a visitor asked for and meant. What was written to him leaves; then all connections end, so that nobody waits for a console that
/// is gone; then one method after the other is tried. Nobody is connected by then: the log tells those who come again what became of it.
/// </summary>
internal struct MachineReset
{
    /// <summary>Milliseconds in which what was written reaches the visitor.</summary>
    public const ulong TellMs = 300;

    /// <summary>Milliseconds that the card has for the frames that end the connections: a card cannot be asked whether they are on the wire.</summary>
    public const ulong LeaveMs = 500;

    /// <summary>How long a machine that was told to reset is waited for.</summary>
    public const ulong ResetMs = 2000;

    private Phase _phase;
    private bool _isAny;
    private ResetMethod _method;
    private int _tried;
    private ulong _sinceMs;

    private enum Phase : byte
    {
        None = 0,
        Tells,
        Leaves,
        Waits,
    }

    /// <summary>Whether a reset is on its way.</summary>
    public readonly bool IsBegun => _phase != Phase.None;

    /// <summary>Whether the console takes leave: each pass ends all connections there are.</summary>
    public readonly bool EndsConnections => _phase is Phase.Leaves or Phase.Waits;

    /// <summary>The methods in the order in which they are tried, as Linux does it in an emergency: the firmware's wish first, the rudest last.</summary>
    private static ReadOnlySpan<byte> Order => [(byte)ResetMethod.Acpi, (byte)ResetMethod.Keyboard, (byte)ResetMethod.Cf9, (byte)ResetMethod.Triple];

    /// <summary>Begins a reset by one method.</summary>
    public void Begin(ResetMethod method, Instant now)
        => this = new MachineReset { _phase = Phase.Tells, _method = method, _sinceMs = now.Ms };

    /// <summary>Begins a reset by one method after the other.</summary>
    public void Begin(Instant now) => this = new MachineReset { _phase = Phase.Tells, _isAny = true, _sinceMs = now.Ms };

    /// <summary>Goes on, by a step in a pass at most: between the end of the connections and the first method, the card is given their frames.</summary>
    /// <param name="actions">The methods that the machine has.</param>
    /// <param name="log">Takes what nobody can be told.</param>
    /// <param name="now">The time.</param>
    public void Poll(GrantedActions actions, Log log, Instant now)
    {
        ulong limit = _phase switch
        {
            Phase.Tells => TellMs,
            Phase.Leaves => LeaveMs,
            Phase.Waits => ResetMs,
            _ => ulong.MaxValue,
        };
        if (!IsBegun || now.Ms - _sinceMs < limit)
        {
            return;
        }

        _sinceMs = now.Ms;
        if (_phase == Phase.Tells)
        {
            _phase = Phase.Leaves;
            return;
        }

        _phase = Phase.Waits;
        if (!TryTakeNext(actions, out ResetMethod next))
        {
            _phase = Phase.None;
            log.Write(LogSeverity.Error, _isAny
                ? "console: the machine was not reset by any method: it needs its power switch"u8
                : "console: the machine was not reset by that method: try another"u8);
            return;
        }

        long answer = Gate.Act(ServiceAction.Reset, (ulong)next);
        if (answer != ActionAnswer.NotReset)
        {
            _phase = Phase.None;
            log.Write(LogSeverity.Error, "console: the monitor refused to reset the machine: start the service anew with this version's driver"u8);
        }
    }

    private bool TryTakeNext(GrantedActions actions, out ResetMethod next)
    {
        next = _method;
        if (!_isAny)
        {
            return _tried++ == 0;
        }

        while (_tried < Order.Length)
        {
            next = (ResetMethod)Order[_tried++];
            if (actions.Has(next))
            {
                return true;
            }
        }

        return false;
    }
}
