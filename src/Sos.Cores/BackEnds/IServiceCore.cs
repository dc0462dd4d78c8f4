namespace Sos.Cores.BackEnds;

/// <summary>A core in our hands, with all that can be asked of it. Whoever needs a part of that asks for the part.</summary>
public interface IServiceCore : ICoreLifeCycle, ICoreDevices, ICorePrograms, ICoreLease;
